"""SQLite's transactions, begun and ended as MySQL's are."""

import sqlite3

from sqlalchemy import Connection, Engine, ExceptionContext, event
from sqlalchemy.exc import OperationalError

from kit.db import limits

BEGIN = "kit_begin"
"""The execution option for the statement that begins a transaction, instead of `BEGIN`."""
IMMEDIATE = "BEGIN IMMEDIATE"
"""Waits for the write lock at the beginning.

After a plain `BEGIN`, a transaction that has read can't write once another one was committed: SQLite fails with
"database is locked" without waiting. Source: sqlite.org/isolation.html and sqlite.org/rescode.html#busy_snapshot
"""


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
