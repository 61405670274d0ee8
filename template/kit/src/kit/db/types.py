"""Column types that behave the same on SQLite and on MySQL.

`BY_ANNOTATION` is the `type_annotation_map` of the app's `Base`: `Mapped[float]` and the others get a type that keeps
what it is given, or refuses it.
"""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Double, Integer, Numeric, String, Time
from sqlalchemy.dialects.mysql import DATETIME, TIME
from sqlalchemy.types import TypeDecorator

from kit.db.text_types import CaseInsensitive, fold_case

__all__ = [
    "BY_ANNOTATION",
    "BigKey",
    "CaseInsensitive",
    "Duration",
    "ExactDecimal",
    "TimeOfDay",
    "UtcDateTime",
    "fold_case",
]

BigKey = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit auto-increment key; on SQLite an INTEGER primary key has 64 bits."""

MAX_DIGITS = 15
"""The most digits of an `ExactDecimal`: SQLite stores doubles, which keep 15. Source: sqlite.org/floatingpoint.html"""


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time with microseconds: stored in UTC, time zone aware in Python. Refuses one without a time zone."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(DATETIME(fsp=6) if dialect.name == "mysql" else DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("A datetime has no time zone; use datetime.now(UTC)")
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        """Read a value with one call; `process_result_value` would take three."""
        read = self.impl_instance.result_processor(dialect, coltype)
        return _in_utc if read is None else lambda value: _in_utc(read(value))


def _in_utc(value: datetime | None) -> datetime | None:
    return value and value.replace(tzinfo=UTC)


class TimeOfDay(TypeDecorator[time]):
    """A time of day with microseconds, such as opening hours. Refuses one with a time zone, which isn't stored."""

    impl = Time
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(TIME(fsp=6) if dialect.name == "mysql" else Time())

    def process_bind_param(self, value: time | None, dialect: Dialect) -> time | None:
        if value is not None and value.tzinfo is not None:
            raise ValueError("A time of day has a time zone, which isn't stored; use UtcDateTime for a point in time")
        return value


class Duration(TypeDecorator[timedelta]):
    """A length of time, stored as a whole number of microseconds, so that the database can compare and add it."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        microseconds = value // timedelta(microseconds=1)
        if not -(2**63) <= microseconds < 2**63:
            raise ValueError("A duration is longer than 292,471 years, the most that 64 bits can store")
        return microseconds

    def process_result_value(self, value: int | Decimal | None, dialect: Dialect) -> timedelta | None:
        return None if value is None else timedelta(microseconds=int(value))  # MySQL's SUM is a decimal number


class ExactDecimal(TypeDecorator[Decimal]):
    """A decimal number that is stored as it is, such as an amount of money; one with more digits is refused.

    precision: digits in all, at most 15.
    scale: how many of them follow the decimal point.

    Raises `ValueError` for a precision that SQLite doesn't keep; for longer numbers, use a string.
    """

    impl = Numeric
    cache_ok = True

    def __init__(self, precision: int = MAX_DIGITS, scale: int = 4) -> None:
        if not 0 <= scale <= precision <= MAX_DIGITS:
            raise ValueError(
                f"ExactDecimal({precision}, {scale}): precision is at most {MAX_DIGITS}, scale at most that"
            )
        super().__init__(precision, scale)
        self.precision, self.scale = precision, scale

    def __repr__(self) -> str:
        return f"ExactDecimal({self.precision}, {self.scale})"

    def process_bind_param(self, value: Decimal | int | None, dialect: Dialect) -> Decimal | None:
        if value is None:
            return None
        if not isinstance(value, Decimal | int):
            raise TypeError(f"{self!r} takes a Decimal, not a {type(value).__name__}; use Decimal(str(value))")
        number = Decimal(value)
        if not number.is_finite() or abs(number) >= 10 ** (self.precision - self.scale):
            digits = self.precision - self.scale
            raise ValueError(f"A number has more than the {digits} digits that {self!r} takes before the decimal point")
        if number != round(number, self.scale):
            raise ValueError(f"A number has more decimal places than {self!r} takes; round it first")
        return number

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        """Compare with any number, also one that could not be stored."""
        return Numeric(asdecimal=True)


BY_ANNOTATION = {
    float: Double(),
    str: String(255),
    datetime: UtcDateTime(),
    time: TimeOfDay(),
    timedelta: Duration(),
    Decimal: ExactDecimal(),
}
"""The types of `Mapped[...]` columns that name none.

float: a double; SQLAlchemy's own has six digits on MySQL.
str: up to 255 characters; MySQL has no text without a length. Name another for longer texts: `String(1000)`, `Text`.
datetime: UTC, to the microsecond. time: to the microsecond. timedelta: to the microsecond.
Decimal: 15 digits, 4 of them after the decimal point.
"""
