"""PlanetScale's limits on every database: what it would refuse also fails on a laptop and in tests.

A transaction may take 20 seconds, and a result may have 100,000 rows. In the image (`DATABASE_LIMITS=warn`) a warning
is logged before a limit is reached, and PlanetScale enforces it.
Source: planetscale.com/docs/vitess/troubleshooting/planetscale-system-limits
"""

import logging
import sys
import time
from typing import Any, NamedTuple, Self

from sqlalchemy import Connection, Engine, ExceptionContext, event

__all__ = ["RESULT_ROWS", "TRANSACTION_SECONDS", "LimitExceeded", "ResultTooLarge", "TransactionTooLong"]

TRANSACTION_SECONDS = 20
"""The longest that a transaction may take, in seconds."""

RESULT_ROWS = 100_000
"""The most rows that a result may have."""

WARN_AT = 0.75
"""The fraction of a limit at which a warning is logged."""

NO_TRANSACTION = "kit_no_transaction"
"""The execution option of a connection whose statements form no transaction."""

UNWATCHED = "kit_unwatched"
"""The execution option of a connection to which no limit applies, such as the one that migrates."""

clock = time.monotonic
"""Returns seconds; replaced in tests."""

log = logging.getLogger(__name__)


class LimitExceeded(RuntimeError):
    """PlanetScale would have refused this; the message says where it began and what to do instead."""


class TransactionTooLong(LimitExceeded):
    """A transaction took longer than `TRANSACTION_SECONDS`."""


class ResultTooLarge(LimitExceeded):
    """A result has more than `RESULT_ROWS` rows."""


class SourceLocation(NamedTuple):
    """A line of the app's code."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @classmethod
    def of_caller(cls) -> Self:
        """The innermost line on the stack that belongs to none of `_LIBRARIES`."""
        frame = sys._getframe(1)
        while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _LIBRARIES:
            frame = frame.f_back
        return cls(frame.f_code.co_filename, frame.f_lineno)


_LIBRARIES = {"kit", "sqlalchemy", "contextlib", "pymysql", "alembic"}


def watch(engine: Engine, *, strict: bool) -> None:
    """Measure each transaction and result of this engine; `strict` decides whether exceeding a limit fails."""
    watcher = _Watcher(strict)
    event.listen(engine, "begin", watcher.begin)
    event.listen(engine, "before_cursor_execute", watcher.before)
    event.listen(engine, "after_cursor_execute", watcher.after)
    event.listen(engine, "commit", watcher.commit)
    event.listen(engine, "handle_error", watcher.failed)


class _Watcher:
    def __init__(self, strict: bool) -> None:
        self.strict = strict

    def begin(self, connection: Connection) -> None:
        connection.info["kit_transaction"] = connection.info["kit_warned"] = None
        options = connection.get_execution_options()
        if not options.get(UNWATCHED) and not options.get(NO_TRANSACTION):
            connection.info["kit_transaction"] = (clock(), SourceLocation.of_caller())

    def before(self, connection: Connection, *_: object) -> None:
        self.check_time(connection)

    def after(self, connection: Connection, cursor: Any, *_: object) -> None:
        self.check_time(connection)
        if cursor.description and not connection.get_execution_options().get(UNWATCHED):
            check_rows(cursor.rowcount, strict=self.strict)

    def commit(self, connection: Connection) -> None:
        try:
            self.check_time(connection)
        except TransactionTooLong:
            connection.connection.rollback()  # SQLAlchemy considers the transaction ended once it commits
            raise

    def check_time(self, connection: Connection) -> None:
        if not (transaction := connection.info.get("kit_transaction")):
            return
        begun_at, location = transaction
        seconds = clock() - begun_at
        if seconds <= TRANSACTION_SECONDS * WARN_AT:
            return
        if not self.strict:
            if connection.info["kit_warned"]:
                return
            connection.info["kit_warned"] = True
            log.warning(
                "a transaction has been open for %.0f s; PlanetScale ends it at %d s",
                seconds,
                TRANSACTION_SECONDS,
                extra={"began": str(location)},
            )
        elif seconds > TRANSACTION_SECONDS:
            raise TransactionTooLong(
                f"The transaction that began at {location} has been open for {seconds:.0f} s; PlanetScale ends it at "
                f"{TRANSACTION_SECONDS} s. Use short transactions (kit.db.bulk), or do the work outside of the block."
            )

    def failed(self, context: ExceptionContext) -> None:
        """Log what error 1105 doesn't say: that it was the time limit, and where the transaction began."""
        error = context.original_exception
        timed_out = error.args[:1] == (1105,) and "exceeded timeout" in str(error)
        if timed_out and context.connection and (transaction := context.connection.info.get("kit_transaction")):
            log.error("PlanetScale ended a transaction after its 20 s", extra={"began": str(transaction[1])})


def check_rows(rows: int, *, strict: bool) -> None:
    """Log a warning for a result with this many rows, or raise `ResultTooLarge`; see `watch`."""
    if rows <= RESULT_ROWS * WARN_AT:
        return
    if not strict:
        log.warning(
            "a result has %s rows; PlanetScale refuses more than %s",
            f"{rows:,}",
            f"{RESULT_ROWS:,}",
            extra={"query_at": str(SourceLocation.of_caller())},
        )
    elif rows > RESULT_ROWS:
        raise too_large()


def too_large() -> ResultTooLarge:
    """The error for a result with too many rows, which names the line of the query."""
    return ResultTooLarge(
        f"The query at {SourceLocation.of_caller()} returns more than {RESULT_ROWS:,} rows, which PlanetScale refuses. "
        "Read a page at a time (limit), or process the table in batches (kit.db.bulk)."
    )
