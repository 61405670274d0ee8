"""MySQL commits before and after each statement that changes the schema; what can be known about one nevertheless.

Such a statement is atomic by itself: it is done entirely or not at all, also when the server stops in the middle.
Source: dev.mysql.com/doc/refman/8.4/en/implicit-commit.html and …/atomic-ddl.html
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from kit.errors import UsageError

WORDS = {"ALTER", "ANALYZE", "CREATE", "DROP", "GRANT", "OPTIMIZE", "RENAME", "REVOKE", "TRUNCATE"}
"""The first words of these statements."""

NOTHING = "DO 0"
"""A statement without effect and without rows."""

_LOCK = "CONCAT('migrate_', SHA2(DATABASE(), 224))"
"""A lock belongs to the whole server, not to a database, and its name has at most 64 characters."""
LOCK_SECONDS = 10
"""How long to wait for it."""


def fingerprint(connection: Connection, sql: str) -> str:
    """Return a digest of the part of the schema that a statement can change: the tables and views that it names.

    It is the same before a statement and after it only if the statement changed nothing of that. Triggers and stored
    procedures are not part of it.
    """
    names = sorted(connection.exec_driver_sql("SHOW TABLES").scalars())
    named = [name for name in names if name.lower() in sql.lower()]
    tables = [create_table(connection, name) for name in named]
    return hashlib.sha256("\n".join([*names, *tables]).encode()).hexdigest()


def create_table(connection: Connection, name: str) -> str:
    """Return a table's or view's CREATE statement, without the counter that rows move on."""
    quoted = name.replace("`", "``").replace("%", "%%")
    sql: str = connection.exec_driver_sql(f"SHOW CREATE TABLE `{quoted}`").one()[1]
    return re.sub(r" AUTO_INCREMENT=\d+", "", sql)


@contextmanager
def locked(connection: Connection, *, seconds: int | None = None) -> Iterator[None]:
    """Keep other runs of the migrations out; raises `UsageError` if another one goes on for so many seconds, `LOCK_SECONDS` by default.

    The server keeps the lock of a connection that was given up until it has finished its last statement.
    """
    if not connection.exec_driver_sql(
        f"SELECT GET_LOCK({_LOCK}, {LOCK_SECONDS if seconds is None else seconds})"
    ).scalar():
        other = connection.exec_driver_sql(f"SELECT IS_USED_LOCK({_LOCK})").scalar()
        connection.rollback()
        raise UsageError(
            f"Another run migrates this database, or MySQL still executes a statement of one that was stopped "
            f"(connection {other}). Wait for it; SHOW PROCESSLIST shows what it does. Then: make migrate"
        )
    connection.rollback()
    try:
        yield
    finally:
        with suppress(DBAPIError):
            connection.rollback()
            connection.exec_driver_sql(f"SELECT RELEASE_LOCK({_LOCK})")
            connection.rollback()
