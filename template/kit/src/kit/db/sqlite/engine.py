"""SQLite, for a laptop and for tests, with transactions and result limits as MySQL has them."""

import sqlite3
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import OperationalError

from kit.db import limits
from kit.db.sqlite import text
from kit.db.transactions import SavepointTracking

BEGIN = "kit_begin"
"""The execution option for the statement that begins a transaction, instead of `BEGIN`."""
IMMEDIATE = "BEGIN IMMEDIATE"
"""Waits for the write lock at the beginning.

After a plain `BEGIN`, a transaction that has read can't write once another one was committed: SQLite fails with
"database is locked" without waiting. Source: sqlite.org/isolation.html and sqlite.org/rescode.html#busy_snapshot
"""


class Dialect(SavepointTracking, SQLiteDialect_pysqlite):
    """Registered as `sqlite+kit`."""

    supports_statement_cache = True


def engine(url: str, *, strict: bool) -> Engine:
    """Make an engine for a file, whose folder is created too, or for memory; `strict` limits the size of results."""
    if (file := make_url(url).database) and file != ":memory:":
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    connect_args = {"factory": _CountingConnection} if strict else {}
    registry.register("sqlite.kit", "kit.db.sqlite.engine", "Dialect")
    engine = create_engine(make_url(url).set(drivername="sqlite+kit"), connect_args=connect_args, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver begins no transactions; see `watch`
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000"):
            connection.execute(f"PRAGMA {pragma}")
        text.register(connection)

    return engine


def watch(engine: Engine) -> None:
    """Begin this engine's transactions, and refuse statements after an error, as `MySQLConnection` does.

    The driver would begin a transaction only at the first write, and not for a savepoint. A released savepoint would
    then be committed, whatever becomes of the transaction. BEGIN in the event is SQLAlchemy's recipe for all versions
    of Python. Source: docs.sqlalchemy.org/en/21/dialects/sqlite.html#sqlite-enabling-transactions
    """
    event.listen(engine, "begin", _begin)
    event.listen(engine, "before_cursor_execute", _check)
    event.listen(engine, "commit", lambda connection: _check(connection, None, "COMMIT"))
    event.listen(engine, "handle_error", _note)


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    standalone = options.get(limits.NO_TRANSACTION) or options.get("isolation_level") == "AUTOCOMMIT"
    connection.info["kit_begin"] = connection.info["kit_error"] = None
    if not standalone:
        connection.exec_driver_sql(statement := options.get(BEGIN, "BEGIN"))
        connection.info["kit_begin"] = statement


def _check(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
    """Refuse a statement after an error that ended the transaction; begin a new one after COMMIT as text."""
    begin, driver = connection.info.get("kit_begin"), connection.connection.driver_connection
    if not begin or driver is None or driver.in_transaction:
        return
    if error := connection.info["kit_error"]:
        reason = (
            f"SQLite ended this transaction with an error ({error}). Nothing more is executed in it, because it would "
            "be committed without what came before. Roll back and retry the whole transaction."
        )
        raise OperationalError(statement, None, sqlite3.OperationalError(reason), hide_parameters=True) from error
    if statement != "COMMIT":
        driver.execute(begin)


def _note(context: ExceptionContext) -> None:
    """Keep the error that ended the transaction."""
    if context.connection and not context.connection.invalidated:
        driver = context.connection.connection.driver_connection
        if driver and not driver.in_transaction:
            context.connection.info["kit_error"] = context.original_exception


class _CountingCursor(sqlite3.Cursor):
    """Fetches the whole result at once, as MySQL sends it, so that its size is known whatever is read of it."""

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
