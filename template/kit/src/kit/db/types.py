"""Column types that behave the same on SQLite and on MySQL."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer
from sqlalchemy.dialects.mysql import DATETIME
from sqlalchemy.types import TypeDecorator

from kit.db.text_types import CaseInsensitive, fold_case

__all__ = ["BigKey", "CaseInsensitive", "UtcDateTime", "fold_case"]

BigKey = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit auto-increment key; on SQLite an INTEGER primary key has 64 bits."""


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time with microseconds: stored in UTC, time zone aware in Python."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(DATETIME(fsp=6) if dialect.name == "mysql" else DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; use datetime.now(UTC)")
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        """Read a value with one call; `process_result_value` would take three."""
        read = self.impl_instance.result_processor(dialect, coltype)
        return _in_utc if read is None else lambda value: _in_utc(read(value))


def _in_utc(value: datetime | None) -> datetime | None:
    return value and value.replace(tzinfo=UTC)
