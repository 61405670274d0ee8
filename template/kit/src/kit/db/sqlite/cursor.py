"""SQLite's driver with parameters, errors and result limits as PyMySQL's."""

import math
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Self

from kit.db import limits
from kit.db.sqlite.column_types import to_number, to_text
from kit.db.sqlite.strict import MARKER


def _float(value: float) -> float:
    if not math.isfinite(value):
        raise sqlite3.ProgrammingError(f"{value} can't be stored: MySQL has neither infinity nor NaN")
    return value


def _timedelta(value: timedelta) -> str:
    hours, microseconds = divmod(abs(value) // timedelta(microseconds=1), 3_600_000_000)
    sign = "-" if value < timedelta() else ""
    return f"{sign}{hours:02}:{microseconds // 60_000_000:02}:{microseconds % 60_000_000 / 1_000_000:09.6f}"


_ADAPTED: dict[type, Callable[[Any], Any]] = {
    float: _float,
    Decimal: to_number,
    datetime: to_text,
    date: date.isoformat,
    time: lambda value: value.replace(tzinfo=None).isoformat("microseconds"),
    timedelta: _timedelta,
}
"""What PyMySQL sends for values that SQLite's driver doesn't take, or takes and MySQL doesn't."""
_PLAIN = frozenset({str, int, bool, bytes, bytearray, memoryview, type(None)})


def _adapt(parameters: Any) -> Any:
    values = parameters.values() if isinstance(parameters, dict) else parameters
    return parameters if _PLAIN.issuperset(map(type, values)) else _convert(parameters, _adapt_value)


def _adapt_value(value: Any) -> Any:
    return adapt(value) if (adapt := _ADAPTED.get(type(value))) else value


def _widen(value: Any) -> Any:
    """An integer of more than 64 bits as text, which a column turns into a number that is out of range, or into text."""
    if type(value) is not int or -(2**63) <= value < 2**63:
        return value
    if float(value) == -(2**63):
        raise sqlite3.DataError(f"A number is less than {-(2**63)} (MySQL error 1264)")
    return str(value)


def _convert(parameters: Any, convert: Callable[[Any], Any]) -> Any:
    if isinstance(parameters, dict):
        return {name: convert(value) for name, value in parameters.items()}
    return tuple(map(convert, parameters))


def _as_mysql(error: sqlite3.Error) -> sqlite3.Error:
    """The error with the class that PyMySQL's has."""
    message = str(error)
    if message.startswith(MARKER):
        return sqlite3.DataError(message.removeprefix(MARKER))
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_MISMATCH:
        return sqlite3.DataError(f"{message}: an integer primary key takes only integers")
    return error


class Cursor(sqlite3.Cursor):
    """Takes the values that PyMySQL takes, and raises its classes of errors."""

    def execute(self, sql: str, parameters: Any = ()) -> Self:
        parameters = _adapt(parameters)
        try:
            try:
                return super().execute(sql, parameters)
            except OverflowError:
                return super().execute(sql, _convert(parameters, _widen))
        except sqlite3.IntegrityError as error:
            raise _as_mysql(error) from None

    def executemany(self, sql: str, parameters: Iterable[Any]) -> Self:
        rows = [_adapt(row) for row in parameters]
        try:
            try:
                return super().executemany(sql, rows)
            except OverflowError:
                return super().executemany(sql, [_convert(row, _widen) for row in rows])
        except sqlite3.IntegrityError as error:
            raise _as_mysql(error) from None


class Connection(sqlite3.Connection):
    """Makes a `Cursor` for each statement."""

    def cursor(self, factory: Any = Cursor) -> Any:
        return super().cursor(factory)


class CountingCursor(Cursor):
    """Fetches the whole result at once, as MySQL sends it, so that its size is known whatever is read of it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self._rows: deque[Any] = deque()

    def execute(self, sql: str, parameters: Any = ()) -> Self:
        super().execute(sql, parameters)
        self._rows = deque(super().fetchmany(limits.RESULT_ROWS + 1) if self.description else ())
        if len(self._rows) > limits.RESULT_ROWS:
            raise limits.too_large()
        return self

    def fetchone(self) -> Any:
        return self._rows.popleft() if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        return [self._rows.popleft() for _ in range(min(size or self.arraysize, len(self._rows)))]

    def fetchall(self) -> list[Any]:
        rows, self._rows = list(self._rows), deque()
        return rows

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        return iter(self.fetchall())


class CountingConnection(Connection):
    """Makes a `CountingCursor` for each statement."""

    def cursor(self, factory: Any = CountingCursor) -> Any:
        return super().cursor(factory)
