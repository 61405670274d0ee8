"""A spike in time slices: what the API's throttle, Lambda's quotas and its scaling do with each slice's requests.

Lambda has no queue for requests: each is answered by an idle environment, starts one, or is refused. So a slice's requests
need no order among themselves, and a slice costs the same whatever their number.

Source: https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html and lambda-concurrency.html beside it
"""

import math
from dataclasses import dataclass, field
from random import Random
from statistics import NormalDist

from kit.ops.spike import arrivals, edge
from kit.ops.spike.arrivals import Arrivals
from kit.ops.spike.edge import Passed
from kit.ops.spike.job_queue import JobQueue
from kit.ops.spike.scenario import Scenario

API, QUOTA, SCALING = "the API's throttle", "Lambda's quota", "Lambda's scaling rate"
"""What refuses requests."""
POINTS = 1024
"""Quantiles by which the distribution of a response's time is represented."""
STEP = 0.1
"""Seconds between two steps of the jobs' queue."""
LONGEST = 24 * 3600
"""Seconds after which a queue that isn't empty is given up."""


@dataclass
class Second:
    """A second of the spike."""

    requests: int = 0
    """From visitors."""
    passed: int = 0
    """At the API: all without a CDN."""
    refused: int = 0
    environments: int = 0
    """Of the web function, started so far."""
    busy: int = 0
    """The most of them at once."""
    cold: int = 0
    jobs_waiting: float = 0.0
    jobs_busy: int = 0


@dataclass
class Outcome:
    """What became of the requests."""

    scenario: Scenario
    arrivals: Arrivals
    at_api: Passed
    seconds: list[Second] = field(default_factory=list)
    requests: int = 0
    """From visitors."""
    passed: int = 0
    """At the API."""
    warm: int = 0
    cold: int = 0
    refused: dict[str, int] = field(default_factory=lambda: dict.fromkeys((API, QUOTA, SCALING), 0))
    first_refusal: tuple[float, str] | None = None
    """When, in seconds, and what refused it."""
    waited: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("edge", "warm", "cold", "refused"), 0))
    """Requests of visitors by what they met; those by which a CDN renews a page are not among them."""
    met: dict[int, tuple[float, float]] = field(default_factory=dict)
    """The shares of a slice's visitors that met a cold start or were refused, where there were any."""
    environments: int = 0
    busy: int = 0
    queue_empty: float = 0.0
    """When the queue is empty for good, in seconds; infinite if not within a day."""
    jobs: float = 0.0

    def rng(self) -> Random:
        """Random numbers, the same for each scenario with the same seed."""
        return Random(self.scenario.seed)  # noqa: S311

    def share_of_visitors(self) -> tuple[float, float]:
        """The shares of people who meet a cold start, or are refused, at least once."""
        requests = int(self.scenario.requests)
        sample, shares = self.arrivals.sample, [0.0, 0.0]
        number = len(sample) // requests
        for visitor in range(number):
            spared = [1.0, 1.0]
            for at in sample[visitor * requests : (visitor + 1) * requests]:
                for which, share in enumerate(self.met.get(at, (0.0, 0.0))):
                    spared[which] *= 1 - share
            shares = [total + 1 - spare for total, spare in zip(shares, spared, strict=True)]
        return shares[0] / number, shares[1] / number


def quantiles(median: float, spread: float) -> list[float]:
    """A log-normal distribution as `POINTS` equally likely values; `spread` is its 99th percentile ÷ median."""
    normal = NormalDist(0, math.log(spread) / NormalDist().inv_cdf(0.99)) if spread > 1 else None
    return [median * (math.exp(normal.inv_cdf((at + 0.5) / POINTS)) if normal else 1) for at in range(POINTS)]


def simulate(scenario: Scenario, drawn: Arrivals | None = None, passed: Passed | None = None) -> Outcome:
    """Simulate the spike; raises `UsageError` for a scenario that makes no sense."""
    scenario.check()
    rng = Random(scenario.seed)  # noqa: S311
    drawn = drawn or arrivals.draw(scenario, rng)
    passed = passed or edge.pass_on(scenario, drawn, rng)
    return _Run(scenario, drawn, passed, rng).run()


class _Run:
    """One simulation."""

    def __init__(self, scenario: Scenario, drawn: Arrivals, passed: Passed, rng: Random) -> None:
        self.scenario, self.arrivals, self.passed = scenario, drawn, passed
        self.outcome = Outcome(scenario, drawn, passed)
        self.queue = JobQueue(scenario)
        self.warm_slices, self.cold_slices = (
            self._slices(quantiles(median, scenario.spread), rng) for median in (scenario.warm_ms, scenario.cold_ms)
        )

    def _slices(self, milliseconds: list[float], rng: Random) -> list[int]:
        """For how many slices each value keeps an environment; rounded so that their mean stays."""
        length, carried, slices = self.arrivals.slice * 1000, 0.0, []
        for value in milliseconds:
            exact = max(value, self.scenario.held_ms) / length + carried
            slices.append(max(1, round(exact)))
            carried = exact - slices[-1]
        rng.shuffle(slices)
        return slices

    def run(self) -> Outcome:
        """Go through the slices: one function with local variables, because it decides how long a forecast takes."""
        scenario, outcome, queue = self.scenario, self.outcome, self.queue
        length, counts = self.arrivals.slice, self.arrivals.counts
        waiting_in, background_in = self.passed.waiting, self.passed.background
        warm_slices, cold_slices = self.warm_slices, self.cold_slices
        longest = max(*warm_slices, *cold_slices)
        ring = longest + 1
        released = [0] * ring
        quota, reserved = int(scenario.environments), int(scenario.reserved)
        jobs_per_request = scenario.jobs / scenario.requests
        rate, burst = scenario.throttle_rate * length, max(1.0, scenario.throttle_burst)
        growth, most_growth = scenario.scaling / 10 * length, scenario.scaling
        tokens, grow = burst, most_growth
        environments = idle = busy = warm_at = cold_at = 0
        last = -1
        per_step = max(1, round(STEP / length))
        per_second = round(1 / length)
        second = Second()
        for at in range(len(counts)):
            slot = at % ring
            if released[slot]:
                idle += released[slot]
                busy -= released[slot]
                released[slot] = 0
            if at % per_step == 0:
                queue.step(STEP, quota - max(busy, reserved))
            number = counts[at]
            if number:
                waiting, background = waiting_in[at], background_in[at]
                passed = waiting + background
                passed_time = at - last
                last = at
                tokens = min(burst, tokens + rate * passed_time)
                grow = min(most_growth, grow + growth * passed_time)
                accepted = min(passed, int(tokens))
                tokens -= accepted
                warm = min(idle, accepted)
                limit = (reserved if reserved >= 0 else quota - queue.busy) - busy - warm
                wanted = accepted - warm
                allowed = max(0, min(wanted, limit))
                cold = min(allowed, int(grow))
                grow -= cold
                idle -= warm
                busy += warm + cold
                environments += cold
                for _ in range(warm):
                    released[(slot + warm_slices[warm_at]) % ring] += 1
                    warm_at = (warm_at + 1) % POINTS
                for _ in range(cold):
                    released[(slot + cold_slices[cold_at]) % ring] += 1
                    cold_at = (cold_at + 1) % POINTS
                refused = passed - warm - cold
                if refused:
                    self._refuse(at, {API: passed - accepted, QUOTA: wanted - allowed, SCALING: allowed - cold})
                outcome.warm += warm
                outcome.cold += cold
                self._wait(at, number, waiting, cold / passed if passed else 0.0, refused / passed if passed else 0.0)
                queue.waiting += (number - min(waiting, refused)) * jobs_per_request
                second.requests += number
                second.passed += passed
                second.refused += refused
                second.cold += cold
                second.busy = max(second.busy, busy)
            if (at + 1) % per_second == 0:
                self._end(second, environments)
                second = Second(busy=busy)
        self._end(second, environments)
        outcome.environments = environments
        outcome.busy = max(each.busy for each in outcome.seconds)
        self._finish_jobs(quota - max(0, reserved))
        return outcome

    def _refuse(self, at: int, refused: dict[str, int]) -> None:
        for cause, number in refused.items():
            self.outcome.refused[cause] += number
            if number and not self.outcome.first_refusal:
                self.outcome.first_refusal = at * self.arrivals.slice, cause

    def _wait(self, at: int, number: int, waiting: int, cold: float, refused: float) -> None:
        """Count what the visitors of a slice met, in whole requests; renewals by a CDN have had their part."""
        outcome = self.outcome
        outcome.requests += number
        cold_number = round(waiting * cold)
        refused_number = min(round(waiting * refused), waiting - cold_number)
        outcome.waited["cold"] += cold_number
        outcome.waited["refused"] += refused_number
        outcome.waited["warm"] += waiting - cold_number - refused_number
        outcome.waited["edge"] += number - waiting
        if cold_number or refused_number:
            outcome.met[at] = cold_number / number, refused_number / number

    def _end(self, second: Second, environments: int) -> None:
        """Complete a second."""
        second.environments = environments
        second.jobs_waiting, second.jobs_busy = self.queue.waiting, self.queue.busy
        self.outcome.seconds.append(second)
        self.outcome.passed += second.passed
        if self.queue.waiting > 0.5:
            self.outcome.queue_empty = len(self.outcome.seconds)

    def _finish_jobs(self, free: int) -> None:
        """Run what is left in the queue when nobody comes any more."""
        now = float(len(self.outcome.seconds))
        while self.queue.waiting > 0.5 and now < LONGEST:
            step = max(STEP, now / 1000)
            self.queue.step(step, free)
            now += step
            self.outcome.queue_empty = now
        if self.queue.waiting > 0.5:
            self.outcome.queue_empty = math.inf
        self.outcome.jobs = self.queue.done
