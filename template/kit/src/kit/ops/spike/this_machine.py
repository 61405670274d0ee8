"""A forecast of the rehearsal: environments that start at once on a machine whose cores they share equally."""

import math
from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate
from random import Random

VARIES = 0.05
"""Of a response's work: its standard deviation."""


@dataclass(frozen=True)
class LocalForecast:
    """Times in milliseconds."""

    environments: int
    p95: float
    """Of all responses."""
    seconds: float
    """Until the last answer."""


def forecast(
    *, environments: int, requests: int, cold_ms: float, warm_ms: float, cores: int, seed: int = 1
) -> LocalForecast:
    """Forecast a burst in which each environment answers its requests one after another.

    cold_ms, warm_ms: what a first and a later response take of one core; single ones differ by `VARIES` at random. With n
    environments at work, each gets a core, or the n-th part of all cores. Lambda gives each its own share instead.
    """
    rng = Random(seed)  # noqa: S311
    # When each response is complete, in milliseconds of work that its environment has done by then.
    work = [
        list(accumulate(rng.gauss(1, VARIES) * ms for ms in (cold_ms, *(requests - 1) * [warm_ms])))
        for _ in range(environments)
    ]
    return of_work(work, cores)


def of_work(work: list[list[float]], cores: int) -> LocalForecast:
    """The same for responses that are complete after so much work, in milliseconds, of each environment."""
    environments = len(work)
    ends = sorted(each[-1] for each in work)
    clock = [0.0]  # when the environments have done as much work as the n-th of `ends`
    for number, (start, end) in enumerate(zip([0.0, *ends], ends, strict=False)):
        clock.append(clock[-1] + (end - start) * max(1.0, (environments - number) / cores))

    def moment(done: float) -> float:
        at = bisect_left(ends, done)
        return clock[at + 1] - (ends[at] - done) * max(1.0, (environments - at) / cores)

    times = sorted(
        moment(end) - (moment(start) if start else 0)
        for each in work
        for start, end in zip([0.0, *each], each, strict=False)
    )
    return LocalForecast(environments, times[math.ceil(len(times) * 0.95) - 1], clock[-1] / 1000)
