"""SQLAlchemy's types on SQLite, where theirs lose what MySQL keeps or take what it refuses."""

import json
import math
import re
import sqlite3
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Dialect, types
from sqlalchemy.dialects import sqlite

EXACT_DIGITS = 15
"""The decimal digits that SQLite's numbers keep. Source: sqlite.org/floatingpoint.html"""
JSON_DEPTH = 100
"""How deep MySQL lets a JSON document be nested. Source: dev.mysql.com/doc/mysql-errors/8.4/en: 3157"""


def to_number(value: Decimal) -> int | float:
    """The number that SQLite stores for a decimal one. A comparison may have more digits than a column keeps."""
    if not value.is_finite():
        raise sqlite3.ProgrammingError(f"{value} can't be stored: MySQL has neither infinity nor NaN")
    whole = value == value.to_integral_value()
    if whole and abs(value) < 2**63:
        return int(value)
    if abs(value) >= 10**EXACT_DIGITS and not value.is_zero():
        raise sqlite3.DataError(
            f"A number has more than the {EXACT_DIGITS} digits that SQLite keeps: round it, or store an integer"
        )
    return float(value)


def to_text(value: datetime) -> str:
    """The text that SQLAlchemy stores for a date and time, which has no time zone."""
    return value.replace(tzinfo=None).isoformat(" ", "microseconds")


class _Numeric(types.Numeric[Any]):
    """Whole numbers of more than 15 digits stay exact; without it they are rounded when they are written or read."""

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        return lambda value: to_number(value) if isinstance(value, Decimal) else value

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        if not self.asdecimal:
            return lambda value: value if value is None else float(value)
        read: Any = super().result_processor(dialect, coltype)  # type: ignore[no-untyped-call]
        return lambda value: Decimal(value) if type(value) is int else read(value)


class _Float(types.Float[Any]):
    """Takes what a number can be made of, as MySQL does."""

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        return lambda value: to_number(value) if isinstance(value, Decimal) else value


class _Double(_Float, types.Double[Any]):
    """The same for a double."""


class _Date(sqlite.DATE):
    """A `datetime` keeps its time until the database rounds it to a day, as MySQL does."""

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        write: Any = super().bind_processor(dialect)
        return lambda value: to_text(value) if isinstance(value, datetime) else write(value)


COLSPECS: dict[Any, Any] = {
    types.Numeric: _Numeric,
    types.Double: _Double,
    types.Float: _Float,
    types.Date: _Date,
}


_UNUSUAL_JSON = re.compile(r"NaN|Infinity|\\ud[89a-f]|\d{19}")


def to_json(value: Any) -> str:
    """Serialize a value for a JSON column; raises `sqlite3.DataError` for what MySQL doesn't take."""
    if isinstance(value, int) and 2**63 <= value < 2**64:  # SQLite turns a text that is a number into a double
        raise sqlite3.DataError(f"A JSON document is a number above {2**63 - 1}, which SQLite can't keep")
    text = json.dumps(value)
    if _UNUSUAL_JSON.search(text) or text.count("[") + text.count("{") > JSON_DEPTH:
        text = json.dumps(_checked(json.loads(text), 0))
    return text


def _checked(value: Any, depth: int) -> Any:
    if isinstance(value, dict | list):
        if depth >= JSON_DEPTH:
            raise sqlite3.DataError(f"A JSON document is nested more than {JSON_DEPTH} levels deep (MySQL error 3157)")
        if isinstance(value, list):
            return [_checked(each, depth + 1) for each in value]
        return {_checked(key, depth): _checked(each, depth + 1) for key, each in value.items()}
    if isinstance(value, str) and not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise sqlite3.DataError("A JSON text has half of a surrogate pair (MySQL error 3140)")
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        value = float(value) if abs(value) < 2**1024 else math.inf
    if isinstance(value, float) and not math.isfinite(value):
        raise sqlite3.DataError("A JSON document has NaN, or a number that is no double (MySQL error 3140)")
    return value
