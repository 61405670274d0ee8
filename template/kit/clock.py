"""The clock: what time the kit believes it is, so that a test can hold it still (`kit.testing.frozen_clock`)."""

from collections.abc import Callable
from datetime import UTC, datetime


def _now() -> datetime:
    return datetime.now(UTC)


_source: Callable[[], datetime] = _now


def now() -> datetime:
    """The moment, in UTC."""
    return _source()


def use(source: Callable[[], datetime] = _now) -> None:
    """Read the time from `source` from now on; without one, from the machine again."""
    global _source
    _source = source
