"""Keeps which statements of a migration are done, so that a run after a failure goes on with the next one.

This is for databases that commit each change of the schema by itself. The table exists only while a migration is
unfinished. A statement that changes rows is recorded in its own transaction. One that changes the schema is recorded
before and after; in between, the schema itself shows whether it was done.
"""

import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    delete,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError

from kit.db.apply.steps import Step, first_word
from kit.db.mysql import implicit_commit
from kit.db.tables import Body
from kit.errors import UsageError

SHOWN_CHARACTERS = 200
"""How much of a statement is shown in a list."""

TABLE = Table(
    "kit_migration_progress",
    MetaData(),
    Column("revision", String(32), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("digest", String(64), nullable=False),
    Column("statement", Body, nullable=False),
    Column("schema_before", String(64)),  # NULL once the statement is done
    Column("row_count", BigInteger),
    Column("last_row_id", BigInteger),
    comment="The statements of an unfinished migration that are done; see kit/docs/database.md.",
    mysql_charset="utf8mb4",
    mysql_engine="InnoDB",
)


class Progress:
    """The statements of the unfinished migration that earlier runs have done, and those of this run."""

    def __init__(self, connection: Connection, done: Sequence[Row[Any]]) -> None:
        self._connection = connection
        self._done = done
        self._left = list(done)
        """Those that this run has not come to yet."""
        self._row: Row[Any] | None = None
        """That of the statement that is being executed, if it is done."""
        self._number = max((row.number for row in done), default=0)

    def begin(self, step: Step) -> bool:
        """Return whether an earlier run has done the statement; raises `UsageError` if it has done another one."""
        self._row = next((row for row in self._left if row.digest == step.digest), None)
        if self._row:
            self._left.remove(self._row)
            return True
        if self._left and not (_creates_index(step.sql) and _creates_index(self._left[0].statement)):
            raise UsageError(_conflict(self._done, f"The migration's statement {step.number} is now:\n{step.sql}"))
        self._number += 1
        if first_word(step.sql) in implicit_commit.WORDS:
            self._insert(step, schema_before=implicit_commit.fingerprint(self._connection, step.sql))
        return False

    def end(self, step: Step, cursor: Any) -> None:
        """Record that it is done. After one that an earlier run has done, let the cursor have that one's result."""
        if self._row:
            cursor.rowcount, cursor.lastrowid = self._row.row_count, self._row.last_row_id
        elif first_word(step.sql) in implicit_commit.WORDS:
            this = (TABLE.c.revision == step.revision) & (TABLE.c.number == self._number)
            self._connection.execute(update(TABLE).where(this).values(schema_before=None))
            self._connection.exec_driver_sql("COMMIT")
        else:
            self._insert(step, row_count=cursor.rowcount, last_row_id=cursor.lastrowid)

    def finish(self) -> None:
        """Delete the rows of a migration in the transaction that stores its revision.

        Raises `UsageError` if earlier runs have done more than its file has now.
        """
        if self._left:
            raise UsageError(_conflict(self._done, "The file does not have all of them any more."))
        self._connection.execute(delete(TABLE))
        self._done, self._number = [], 0

    def _insert(self, step: Step, **values: Any) -> None:
        key = {"revision": step.revision, "number": self._number}
        self._connection.execute(insert(TABLE).values(**key, digest=step.digest, statement=step.sql, **values))


def _creates_index(sql: str) -> bool:
    """Whether it is a CREATE INDEX: Alembic creates those of a new table in any order."""
    return re.match(r"\s*CREATE\s+(\w+\s+)?INDEX\b", sql, re.IGNORECASE) is not None


@contextmanager
def recorded(connection: Connection, pending: Callable[[Connection], Sequence[str]]) -> Iterator[Progress]:
    """Keep what is done in the block on this connection, and other runs of the migrations out.

    Raises `UsageError` if an earlier run left a migration unfinished that is not among the pending ones.
    """
    with implicit_commit.locked(connection):
        done = read(connection)
        revisions = pending(connection)
        if left := {row.revision for row in done} - set(revisions):
            raise UsageError(
                _conflict(done, f"migrations/ does not have {left.pop()} as a pending migration any more.")
            )
        if revisions:
            TABLE.create(connection, checkfirst=True)
            connection.execute(delete(TABLE).where(TABLE.c.number.not_in([row.number for row in done])))
            connection.execute(update(TABLE).values(schema_before=None))
        connection.commit()
        try:
            yield Progress(connection, done)
        finally:
            with suppress(DBAPIError):
                connection.rollback()
                if not read(connection):
                    TABLE.drop(connection, checkfirst=True)
                connection.commit()


def read(connection: Connection) -> Sequence[Row[Any]]:
    """Return the rows of the statements that are done, in their order."""
    if not inspect(connection).has_table(TABLE.name):
        return []
    rows = connection.execute(select(TABLE).order_by(TABLE.c.number)).all()
    return [
        row
        for row in rows
        if row.schema_before is None or row.schema_before != implicit_commit.fingerprint(connection, row.statement)
    ]


def read_after_failure(engine: Engine) -> list[tuple[int, str]]:
    """Return number and text of the statements that are done, as a new connection sees it.

    Raises `UsageError` if the server may still be executing one, and `DBAPIError` if it can't be reached.
    """
    with engine.connect() as connection, implicit_commit.locked(connection, seconds=2):
        return [(row.number, row.statement) for row in read(connection)]


def listed(done: Sequence[tuple[int, str]]) -> str:
    """The statements, one a line, by number and text."""
    return "\n".join(f"  {number}. {textwrap.shorten(sql, SHOWN_CHARACTERS)}" for number, sql in done)


def _conflict(done: Sequence[Row[Any]], reason: str) -> str:
    statements = listed([(row.number, row.statement) for row in done])
    return (
        f"An earlier run of {done[0].revision} failed after these statements, which can't be rolled back:\n{statements}\n"
        f"{reason}\n"
        "Put them back into the migration as they were, and correct only what comes after them; make migrate then "
        "continues there.\nOr undo them by hand, the last one first, and start over:\n"
        f"  DROP TABLE {TABLE.name}"
    )
