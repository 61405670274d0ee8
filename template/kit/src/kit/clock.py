"""The clock: what time the kit believes it is, so that a test can hold it still (`kit.testing.frozen_clock`)."""

from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["now", "use"]


def _now() -> datetime:
    return datetime.now(UTC)


_source: Callable[[], datetime] = _now
_database: Callable[[], datetime] | None = None


def now() -> datetime:
    """The moment, in UTC."""
    return _source()


def database_override() -> datetime | None:
    """The moment that stands in for the database server's clock, or None to ask the server itself."""
    return _database() if _database else None


def use(source: Callable[[], datetime] = _now, *, database: bool = True) -> None:
    """Read the time from `source` from now on; without one, from the machine again.

    The database's clock follows it, unless `database` is False: then this machine alone has a clock that is off.
    """
    global _source, _database
    _source = source
    _database = source if database and source is not _now else None
