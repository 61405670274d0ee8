"""The database server's clock, as an SQL expression: leases and due times go by it.

Several machines work on one queue, and their clocks differ. Evaluated by the server inside the statement that needs
it, there is one clock. A test that holds the kit's clock (`kit.clock.use`) holds this one too.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, literal, literal_column, select, type_coerce

from kit import clock
from kit.db import database
from kit.db.types import UtcDateTime


def now(seconds: float = 0) -> ColumnElement[Any]:
    """An expression for the moment at which its statement runs, that many seconds later."""
    if held := clock.database_override():
        return literal(held + timedelta(seconds=seconds), UtcDateTime())
    return _now(database.engine().dialect.name, seconds)


@lru_cache
def _now(dialect: str, seconds: float) -> ColumnElement[Any]:
    if dialect == "sqlite":
        # The text that SQLAlchemy stores for a DateTime; SQLite's clock counts milliseconds.
        shifted = func.strftime("%Y-%m-%d %H:%M:%f", "now", f"{seconds:+.3f} seconds")
        return type_coerce(shifted.op("||")("000"), UtcDateTime())
    moment = func.utc_timestamp(literal_column("6"))
    shifted = func.timestampadd(literal_column("MICROSECOND"), round(seconds * 1e6), moment) if seconds else moment
    return type_coerce(shifted, UtcDateTime())


def read(connection: Connection) -> datetime:
    """The moment itself, for what is reckoned outside of the database."""
    held = clock.database_override()
    return held or connection.execute(select(now())).scalar_one()
