"""SQLite, for a laptop and for tests: its settings, and results counted as MySQL would send them."""

import sqlite3
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Engine, create_engine, event, make_url

from kit import limits


def engine(url: str, *, strict: bool) -> Engine:
    """Make an engine for a file, whose folder is made too, or for memory; `strict` refuses what is too large."""
    if (file := make_url(url).database) and file != ":memory:":
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    made = create_engine(url, connect_args={"factory": _CountingConnection} if strict else {})

    @event.listens_for(made, "connect")
    def _pragmas(connection: Any, _: object) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000"):
            connection.execute(f"PRAGMA {pragma}")

    return made


class _CountingCursor(sqlite3.Cursor):
    """Takes the whole result at once, as MySQL sends it, so that its size is known whatever is read of it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self._rows: deque[Any] = deque()

    def execute(self, *arguments: Any) -> Self:
        super().execute(*arguments)
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


class _CountingConnection(sqlite3.Connection):
    def cursor(self, factory: Any = _CountingCursor) -> Any:
        return super().cursor(factory)
