"""How long to wait before a failed job is tried again.

The delays grow, with jitter, so that a thousand jobs that failed together are not retried together. `README.md` in this
folder has the table.
"""

import math
import random
from collections.abc import Callable, Sequence

Backoff = Callable[[int], float]
"""Returns the delay after attempt 1, 2, … in seconds."""

MAX_DELAY = 11 * 3600.0
"""Seconds; SQS can hide a message for 12 hours at most, counted from when it was received."""


def _are_numbers(*values: object) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def exponential(first: float = 15, factor: float = 2, most: float = 6 * 3600, jitter: float = 0.5) -> Backoff:
    """Return a backoff whose delay is multiplied by `factor` after each attempt.

    Parameters:
        first: delay after the first attempt, in seconds.
        factor: what the delay is multiplied by, 1 or more.
        most: the longest delay, in seconds; 11 hours at most.
        jitter: the fraction of each delay that is random, from 0 to 1: at 0.5, each is between 50 and 100 %.

    Raises:
        ValueError: a parameter is out of range.

    Example:
        @job(backoff=exponential(first=60, most=3600))
        def sync() -> None: ...
    """
    if not _are_numbers(first, factor, most, jitter) or not (
        first > 0 and factor >= 1 and first <= most <= MAX_DELAY and 0 <= jitter <= 1
    ):
        raise ValueError(
            f"exponential() takes 0 < first <= most <= {MAX_DELAY:.0f} seconds, factor >= 1 and 0 <= jitter <= 1"
        )

    def delay(attempt: int) -> float:
        try:
            full = min(most, first * factor ** min(attempt - 1, 64))
        except OverflowError:  # of a float
            full = most
        return full * (1 - jitter * random.random())  # noqa: S311 - jitter, not a secret

    return delay


def fixed(*delays: float, jitter: float = 0.5) -> Backoff:
    """Return a backoff that uses these delays in turn, and then the last of them.

    Parameters:
        delays: seconds after attempt 1, 2, …; each from 0 to 11 hours.
        jitter: the fraction of each delay that is random, from 0 to 1.

    Raises:
        ValueError: there are no delays, or a parameter is out of range.

    Example:
        @job(backoff=fixed(10, 60, 600))
        def sync() -> None: ...
    """
    if (
        not delays
        or not _are_numbers(*delays, jitter)
        or not all(0 <= delay <= MAX_DELAY for delay in delays)
        or not 0 <= jitter <= 1
    ):
        raise ValueError(f"fixed() takes delays of 0 to {MAX_DELAY:.0f} seconds, and 0 <= jitter <= 1")

    def delay(attempt: int) -> float:
        full = delays[min(attempt, len(delays)) - 1]
        return full * (1 - jitter * random.random())  # noqa: S311 - jitter, not a secret

    return delay


DEFAULT = exponential()


def parse(value: object) -> Backoff:
    """Convert the argument of `@job(backoff=…)`: a function, seconds, or a sequence of seconds.

    A function is called with attempt 1, because its mistakes would otherwise show only when a job fails. Raises
    `ValueError`.
    """
    if callable(value):
        try:
            delay = value(1)
        except Exception as error:
            raise ValueError(f"backoff(1) raises {type(error).__name__}: {error}") from error
        if not _are_numbers(delay) or not 0 <= delay < math.inf:
            raise ValueError(f"backoff(1) returns {delay!r}; it must take an attempt's number and return seconds")
        return value
    delays = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if _are_numbers(*delays):
        return fixed(*delays)
    raise ValueError(f"backoff is {value!r}; give seconds, a list of seconds, or exponential(first=15, factor=2)")
