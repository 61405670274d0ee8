"""The forecast in numbers: what visitors meet, what it takes, what it costs."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from kit.ops import cost, cost_model
from kit.ops.cost_model import NO_CDN, PAY_AS_YOU_GO, DeployedResources, TrafficModel
from kit.ops.spike import advice, simulation
from kit.ops.spike.scenario import Scenario
from kit.ops.spike.simulation import Outcome

PERCENTILES = (50, 95, 99)
MOMENTS, POINTS = 12, 120


@dataclass(frozen=True)
class Moment:
    """What happens around a time of the spike: the most of several seconds."""

    second: int
    """From the start."""
    requests: float
    """A second, from visitors, on average."""
    environments: int
    busy: int
    cold: int
    """Cold starts in these seconds."""
    refused: int
    """Requests in these seconds."""
    jobs_waiting: int


@dataclass(frozen=True)
class Forecast:
    """The result of a simulation."""

    scenario: Scenario
    requests: int
    """From visitors."""
    invocations: int
    """Of the web function."""
    from_cdn: int
    refused: dict[str, int]
    """By what refuses them."""
    first_refusal: tuple[float, str] | None
    """Seconds from the start, and what refuses it."""
    visitors_cold: float
    """The share of visitors who meet a cold start."""
    visitors_refused: float
    ms: dict[int, float]
    """How long visitors wait for a response: percentiles; refused requests are not among them."""
    environments: int
    busy: int
    """Environments of the web function at once."""
    connections: int
    """To the database: each environment has one."""
    transactions: int
    """At once, about."""
    jobs: int
    jobs_waiting: int
    """At most."""
    queue_empty: float
    """Seconds from the start; infinite if not within a day."""
    usd: float
    """Without a free tier."""
    advice: list[str]
    timeline: list[Moment]
    """For a table: `MOMENTS` rows at most, most of them in the first seconds, in which environments start."""
    course: list[Moment]
    """For a picture: `POINTS` of the same length, at most."""

    def as_json(self) -> dict[str, Any]:
        """The forecast for programs; JSON has no infinity, so a queue that is never empty has null."""
        document = asdict(self)
        if self.queue_empty == float("inf"):
            document["queue_empty"] = None
        return document


def of(scenario: Scenario, resources: DeployedResources, region: str) -> Forecast:
    """Simulate the spike; raises `UsageError` for a scenario that makes no sense."""
    outcome = simulation.simulate(scenario)
    cold, refused = outcome.share_of_visitors()
    jobs_environments = max(second.jobs_busy for second in outcome.seconds)
    return Forecast(
        scenario=scenario,
        requests=outcome.requests,
        invocations=outcome.warm + outcome.cold,
        from_cdn=outcome.waited["edge"],
        refused=outcome.refused,
        first_refusal=outcome.first_refusal,
        visitors_cold=cold,
        visitors_refused=refused,
        ms=percentiles(outcome),
        environments=outcome.environments,
        busy=outcome.busy,
        connections=outcome.environments + jobs_environments,
        transactions=transactions(outcome),
        jobs=round(outcome.jobs),
        jobs_waiting=round(max(second.jobs_waiting for second in outcome.seconds)),
        queue_empty=outcome.queue_empty,
        usd=costs(outcome, resources, region),
        advice=advice.of(outcome, transactions(outcome)),
        timeline=_moments(outcome, _ends(len(outcome.seconds))),
        course=_moments(outcome, _even(0, len(outcome.seconds), POINTS)),
    )


def percentiles(outcome: Outcome) -> dict[int, float]:
    """How long visitors wait for a response, in milliseconds; 0 if all are refused."""
    scenario, waited = outcome.scenario, outcome.waited
    weighted = [(scenario.edge_ms, float(waited["edge"]))]
    for kind, median in (("warm", scenario.warm_ms), ("cold", scenario.cold_ms)):
        share = waited[kind] / simulation.POINTS
        weighted += [(scenario.network_ms + ms, share) for ms in simulation.quantiles(median, scenario.spread)]
    weighted.sort()
    total, passed, result = sum(weight for _, weight in weighted), 0.0, dict.fromkeys(PERCENTILES, 0.0)
    for ms, weight in weighted:
        for percentile in PERCENTILES:
            if passed < total * percentile / 100 <= passed + weight * (1 + 1e-9):
                result[percentile] = ms
        passed += weight
    return result


def transactions(outcome: Outcome) -> int:
    """Requests and jobs that are at work at once in the busiest second, each with one transaction at most."""
    scenario = outcome.scenario
    return max(
        round((second.passed - second.refused) * scenario.warm_ms / 1000 + second.jobs_busy)
        for second in outcome.seconds
    )


def _moments(outcome: Outcome, ends: list[int]) -> list[Moment]:
    """A moment for the seconds up to each of `ends`."""
    moments, start = [], 0
    for end in ends:
        part = outcome.seconds[start:end]
        moments.append(
            Moment(
                second=end,
                requests=sum(second.requests for second in part) / len(part),
                environments=part[-1].environments,
                busy=max(second.busy for second in part),
                cold=sum(second.cold for second in part),
                refused=sum(second.refused for second in part),
                jobs_waiting=round(max(second.jobs_waiting for second in part)),
            )
        )
        start = end
    return moments


def _ends(length: int) -> list[int]:
    early = [end for end in (1, 2, 5, 10) if end < length]
    return early + _even(early[-1] if early else 0, length, MOMENTS - len(early))


def _even(start: int, end: int, number: int) -> list[int]:
    """The ends of at most `number` parts of the same length."""
    return sorted({start + round((end - start) * (at + 1) / number) for at in range(number)} - {start})


def costs(outcome: Outcome, resources: DeployedResources, region: str) -> float:
    """US dollars for the spike without a free tier, by the model and the prices of `make cost`."""
    scenario, invocations = outcome.scenario, outcome.warm + outcome.cold
    mean = sum(simulation.quantiles(1, scenario.spread)) / simulation.POINTS
    ms = mean * (outcome.warm * scenario.warm_ms + outcome.cold * scenario.cold_ms) / max(1, invocations)
    traffic = TrafficModel(
        # A CDN is paid for all requests. The simulation says which of them reach the app, instead of the model.
        requests=(outcome.requests if scenario.cdn else invocations) / scenario.visitors,
        uncached=invocations / scenario.visitors,
        static=(outcome.requests - invocations) / scenario.visitors,
        ms=ms,
        jobs=outcome.jobs / scenario.visitors,
        job_ms=scenario.job_ms,
    )
    cdn = (PAY_AS_YOU_GO if resources.cdn == NO_CDN else resources.cdn) if scenario.cdn else NO_CDN
    resources = replace(resources, throttle_rate=int(scenario.throttle_rate), cdn=cdn)
    usage = cost_model.day(resources, traffic, scenario.visitors, 0, poll_seconds=0)
    prices, _ = cost.read_prices(region)
    return sum(prices.by_name[name].of(units) for name, units in usage.items())
