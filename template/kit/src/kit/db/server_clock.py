"""The database server's clock as an SQL expression, for leases and due times.

Several machines work on one queue, and their clocks differ; the server evaluates this one inside the statement that
needs it. A test that freezes the kit's clock (`kit.clock.use`) freezes this one too.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, literal, literal_column, select, type_coerce

from kit import clock
from kit.db import database
from kit.db.types import UtcDateTime


def now(seconds: float = 0) -> ColumnElement[Any]:
    """An expression for the time at which its statement runs, plus that many seconds."""
    if frozen := clock.database_override():
        return literal(frozen + timedelta(seconds=seconds), UtcDateTime())
    return _now(database.engine().dialect.name, seconds)


@lru_cache
def _now(dialect: str, seconds: float) -> ColumnElement[Any]:
    if dialect == "sqlite":
        # The text that SQLAlchemy stores for a DateTime; SQLite's clock has milliseconds.
        shifted = func.strftime("%Y-%m-%d %H:%M:%f", "now", f"{seconds:+.3f} seconds")
        return type_coerce(shifted.op("||")("000"), UtcDateTime())
    moment = func.utc_timestamp(literal_column("6"))
    shifted = func.timestampadd(literal_column("MICROSECOND"), round(seconds * 1e6), moment) if seconds else moment
    return type_coerce(shifted, UtcDateTime())


def read(connection: Connection) -> datetime:
    """The time itself, for calculations outside of the database."""
    return clock.database_override() or connection.execute(select(now())).scalar_one()
