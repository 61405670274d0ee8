"""The scenario of a spike: its visitors, the limits in their way, and the app's own times."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields

from kit.errors import UsageError
from kit.ops.cost_model import BillableSettings, TrafficModel, option

VISITORS, MINUTES, REQUESTS = 20_000_000, 240, 1_000
"""The largest scenario; longer ones are days, which `make cost` knows."""
VCPU_MB = 1769
"""Memory at which a function has one vCPU; with less it has that share of one.

Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Assumptions; each field is an option of `make spike`. Times of the app are those on Lambda."""

    visitors: float = option("people who come", 10_000)
    minutes: float = option("minutes within which they come", 5)
    requests: float = option("requests of each", 4)
    ramp: float = option("seconds until they come at full rate, of the minutes at most", 10)
    pause: float = option("seconds between the requests of one person, on average", 5)
    cold_ms: float = option("ms of a cold start with its first response", 1_000)
    warm_ms: float = option("ms of a later response, median", 10)
    spread: float = option("99th percentile of a response's time ÷ median", 2)
    network_ms: float = option("ms between a visitor and the app, both ways, with the API", 40)
    edge_ms: float = option("ms until a visitor has a response of the CDN's", 20)
    environments: float = option("the account's quota: environments at once", TrafficModel.environments)
    environment_rate: float = option("requests a second that Lambda gives an environment at most", 10)
    scaling: float = option("environments that Lambda adds to a function in 10 seconds", 1_000)
    reserved: float = option("environments reserved for the web function; -1: none", -1)
    throttle_rate: float = option("requests a second that the API accepts", BillableSettings.throttle_rate)
    throttle_burst: float = option("requests that the API accepts at once", BillableSettings.throttle_burst)
    jobs: float = option("jobs of each visitor", 0.1)
    job_ms: float = option("ms of a job", 300)
    jobs_concurrency: float = option("environments of the jobs' queue, at most", BillableSettings.jobs_concurrency)
    transactions: float = option("transactions at once that the database carries", 70)
    cdn: float = option("1 with a CDN in front of the API", 0)
    cacheable: float = option("share of the requests that a CDN may answer from its cache", 0.9)
    ttl: float = option("seconds that it keeps a response: s-maxage", 1)
    pages: float = option("different pages among them", 2)
    caches: float = option("regional caches of the CDN that ask the app, each for itself", TrafficModel.cdn_caches)
    seed: float = option("of the random numbers", 1)

    def check(self) -> None:
        """Raise `UsageError`, with a line for each value that makes no sense."""
        if problems := list(self._problems()):
            raise UsageError("\n".join(problems))

    def _problems(self) -> Iterator[str]:
        for name, least, most in _RANGES:
            value = getattr(self, name)
            if not (math.isfinite(value) and least <= value <= most):
                yield f"{name} is {value:,.10g}, which is not between {least:,.10g} and {most:,.10g}.{_HINTS.get(name, '')}"
        for name in ("visitors", "requests"):
            if getattr(self, name) % 1:
                yield f"{name} is {getattr(self, name):,.10g}; expected a whole number."
        if self.visitors * self.requests > VISITORS:
            yield f"{self.visitors:,.0f} visitors with {self.requests:,.0f} requests each are more than {VISITORS:,} requests."

    @property
    def seconds(self) -> float:
        """How long people come."""
        return self.minutes * 60

    @property
    def held_ms(self) -> float:
        """For how long an environment is not given another request, at least.

        Source: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#api-requests
        """
        return 1000 / self.environment_rate if self.environment_rate else 0.0


_RANGES = [
    ("visitors", 1, VISITORS),
    ("minutes", 1 / 60, MINUTES),
    ("requests", 1, REQUESTS),
    ("spread", 1, 100),
    ("reserved", -1, 1e6),
    ("environments", 1, 1e6),
    ("scaling", 1, 1e6),
    ("pages", 1, 1e6),
    ("caches", 1, 1_000),
    ("cacheable", 0, 1),
    ("cdn", 0, 1),
    ("cold_ms", 1, 600_000),
    ("warm_ms", 0.1, 29_000),
]
_RANGES += [(name.name, 0, 1e9) for name in fields(Scenario) if name.name not in {each[0] for each in _RANGES}]
_HINTS = {
    "visitors": " Example: make spike VISITORS=50000 MINUTES=5 REQUESTS=4",
    "minutes": " For a whole day: make cost",
    "warm_ms": " API Gateway ends a request after 30 seconds.",
}


def lambda_share(memory: float) -> float:
    """The share of a processor that a function with so many MB has; Python's code uses one at most."""
    return min(1.0, memory / VCPU_MB)
