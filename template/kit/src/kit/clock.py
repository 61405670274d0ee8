"""The current time, which a test can freeze (`kit.testing.frozen_clock`)."""

from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["now", "use"]


def _now() -> datetime:
    return datetime.now(UTC)


_source: Callable[[], datetime] = _now
_database: Callable[[], datetime] | None = None


def now() -> datetime:
    """Return the current time in UTC."""
    return _source()


def database_override() -> datetime | None:
    """Return the time that replaces the database server's clock, or None if the server's own counts."""
    return _database() if _database else None


def use(source: Callable[[], datetime] = _now, *, database: bool = True) -> None:
    """Take the time from `source` from now on; without an argument, from the machine again.

    The database's clock follows, unless `database` is False, which simulates a machine whose clock is wrong.
    """
    global _source, _database
    _source = source
    _database = source if database and source is not _now else None
