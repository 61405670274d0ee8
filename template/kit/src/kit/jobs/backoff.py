"""How long to wait before a job is tried again: longer each time, and never in step with others.

`README.md` beside this has the table. Each pause is drawn between the full figure and a part of it, so that a thousand jobs
that failed together do not come back together.
"""

import math
import random
from collections.abc import Callable, Sequence

Backoff = Callable[[int], float]
"""Gives the seconds to wait after attempt 1, 2, …"""

LONGEST = 11 * 3600.0
"""Seconds; SQS can hide a message for 12 hours at most, counted from when it was received."""


def _are_numbers(*values: object) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def exponential(first: float = 15, factor: float = 2, most: float = 6 * 3600, jitter: float = 0.5) -> Backoff:
    """Wait `first` seconds, then `factor` times as long each time, up to `most`, less up to `jitter` of it at random."""
    if not (_are_numbers(first, factor, most, jitter)) or not (
        first > 0 and factor >= 1 and first <= most <= LONGEST and 0 <= jitter <= 1
    ):
        raise ValueError(
            f"exponential() takes 0 < first <= most <= {LONGEST:.0f} seconds, factor >= 1 and 0 <= jitter <= 1"
        )

    def wait(attempt: int) -> float:
        try:
            full = min(most, first * factor ** min(attempt - 1, 64))
        except OverflowError:  # of a float
            full = most
        return full * (1 - jitter * random.random())  # noqa: S311 - jitter, nothing secret

    return wait


def fixed(*pauses: float, jitter: float = 0.5) -> Backoff:
    """Wait these seconds in turn, and the last of them from then on, less up to `jitter` of it at random."""
    if (
        not pauses
        or not _are_numbers(*pauses, jitter)
        or not all(0 <= pause <= LONGEST for pause in pauses)
        or not 0 <= jitter <= 1
    ):
        raise ValueError(f"fixed() takes pauses of 0 to {LONGEST:.0f} seconds, and 0 <= jitter <= 1")

    def wait(attempt: int) -> float:
        pause = pauses[min(attempt, len(pauses)) - 1]
        return pause * (1 - jitter * random.random())  # noqa: S311 - jitter, nothing secret

    return wait


DEFAULT = exponential()


def parse(value: object) -> Backoff:
    """Take a backoff as `@job(backoff=…)` gives it: a function, seconds, or a sequence of seconds.

    A function is tried with attempt 1, because its mistakes would otherwise show when a job fails for the first time.
    """
    if callable(value):
        try:
            pause = value(1)
        except Exception as error:
            raise ValueError(f"backoff(1) raises {type(error).__name__}: {error}") from error
        if not _are_numbers(pause) or not 0 <= pause < math.inf:
            raise ValueError(f"backoff(1) gives {pause!r}; it takes the number of an attempt, and gives seconds")
        return value
    pauses = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if _are_numbers(*pauses):
        return fixed(*pauses)
    raise ValueError(f"backoff is {value!r}; give seconds, a list of seconds, or exponential(first=15, factor=2)")
