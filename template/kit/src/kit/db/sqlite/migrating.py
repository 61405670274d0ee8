"""What a migration of SQLite needs: foreign keys are not enforced while tables are copied, but checked at the end.

Alembic changes a column by copying the table. Dropping the old one deletes the rows that refer to it, or fails, if
foreign keys are enforced. They can only be switched between transactions.
Source: sqlite.org/lang_altertable.html#otheralter and sqlite.org/foreignkeys.html#fk_schemacommands
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection


class ForeignKeyViolation(Exception):
    """A migration leaves rows without the row that they refer to."""


@contextmanager
def foreign_keys_deferred(connection: Connection) -> Iterator[Callable[[], None]]:
    """Don't enforce foreign keys in the block; the value raises `ForeignKeyViolation` for rows that violate one since."""
    driver: Any = connection.connection.driver_connection
    enforced = driver.execute("PRAGMA foreign_keys").fetchone()[0]
    before = _violations(driver) if enforced else None

    def check() -> None:
        violated = (_violations(driver) or set()) - before if before is not None else set()
        if violated:
            table, _row, parent, _number = next(iter(violated))
            raise ForeignKeyViolation(f"{len(violated)} rows would refer to missing ones, such as {table} to {parent}")

    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield check
    finally:
        connection.rollback()  # inside a transaction, the next line would do nothing
        if enforced:
            driver.execute("PRAGMA foreign_keys=ON")


def _violations(driver: Any) -> set[Any] | None:
    """The rows without the row that they refer to; `None` if a foreign key refers to columns without a unique key."""
    try:
        return set(driver.execute("PRAGMA foreign_key_check"))
    except sqlite3.OperationalError:
        return None
