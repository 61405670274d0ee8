"""PlanetScale's limits, felt on every database: what it would refuse fails on a laptop and in tests.

A transaction may take 20 seconds, and a result may have 100,000 rows. In the image (`DATABASE_LIMITS=warn`) the
same watch writes a warning before a limit is reached, and leaves the refusal to PlanetScale.
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
"""The part of a limit at which production is warned."""

NO_TRANSACTION = "kit_no_transaction"
"""The execution option of a connection whose statements stand alone."""

UNWATCHED = "kit_unwatched"
"""The execution option of a connection to which no limit applies, such as the one that migrates."""

clock = time.monotonic
"""Seconds; tests move it."""

log = logging.getLogger(__name__)


class LimitExceeded(RuntimeError):
    """PlanetScale would have refused this; the message says where it began and what to do."""


class TransactionTooLong(LimitExceeded):
    """A transaction took more than `TRANSACTION_SECONDS`."""


class ResultTooLarge(LimitExceeded):
    """A result has more than `RESULT_ROWS` rows."""


class Place(NamedTuple):
    """A line of the app's code."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @classmethod
    def of_caller(cls) -> Self:
        """The innermost line on the stack that belongs neither to the kit, nor to SQLAlchemy, nor to contextlib."""
        frame = sys._getframe(1)
        while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _PLUMBING:
            frame = frame.f_back
        return cls(frame.f_code.co_filename, frame.f_lineno)


_PLUMBING = {"kit", "sqlalchemy", "contextlib", "pymysql", "alembic"}


def watch(engine: Engine, *, strict: bool) -> None:
    """Measure each transaction and each result of this engine; `strict` makes what is too much fail."""
    watched = _Watch(strict)
    event.listen(engine, "begin", watched.begin)
    event.listen(engine, "before_cursor_execute", watched.before)
    event.listen(engine, "after_cursor_execute", watched.after)
    event.listen(engine, "commit", watched.commit)
    event.listen(engine, "handle_error", watched.failed)


class _Watch:
    def __init__(self, strict: bool) -> None:
        self.strict = strict

    def begin(self, connection: Connection) -> None:
        connection.info["kit_transaction"] = connection.info["kit_warned"] = None
        options = connection.get_execution_options()
        if not options.get(UNWATCHED) and not options.get(NO_TRANSACTION):
            connection.info["kit_transaction"] = (clock(), Place.of_caller())

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
            connection.connection.rollback()  # SQLAlchemy takes the transaction for ended once it commits
            raise

    def check_time(self, connection: Connection) -> None:
        if not (begun := connection.info.get("kit_transaction")):
            return
        took = clock() - begun[0]
        if took <= TRANSACTION_SECONDS * WARN_AT:
            return
        if not self.strict:
            if connection.info["kit_warned"]:
                return
            connection.info["kit_warned"] = True
            log.warning(
                "a transaction has been open for %.0f s; PlanetScale ends it at %d s",
                took,
                TRANSACTION_SECONDS,
                extra={"began": str(begun[1])},
            )
        elif took > TRANSACTION_SECONDS:
            raise TransactionTooLong(
                f"The transaction that began at {begun[1]} has been open for {took:.0f} s; PlanetScale ends it at "
                f"{TRANSACTION_SECONDS} s. Do the work in short transactions (kit.db.bulk), or outside of the block."
            )

    def failed(self, context: ExceptionContext) -> None:
        """Say what error 1105 does not: that it was the limit, and where the transaction began."""
        error = context.original_exception
        ended = error.args[:1] == (1105,) and "exceeded timeout" in str(error)
        if ended and context.connection and (begun := context.connection.info.get("kit_transaction")):
            log.error("PlanetScale ended a transaction after its 20 s", extra={"began": str(begun[1])})


def check_rows(rows: int, *, strict: bool) -> None:
    """Warn of a result with so many rows, or raise `ResultTooLarge`; see `watch`."""
    if rows <= RESULT_ROWS * WARN_AT:
        return
    if not strict:
        log.warning(
            "a result has %s rows; PlanetScale refuses more than %s",
            f"{rows:,}",
            f"{RESULT_ROWS:,}",
            extra={"asked": str(Place.of_caller())},
        )
    elif rows > RESULT_ROWS:
        raise too_large()


def too_large() -> ResultTooLarge:
    """The error for a result with too many rows, naming the line that asked for it."""
    return ResultTooLarge(
        f"The query at {Place.of_caller()} gives more than {RESULT_ROWS:,} rows, which PlanetScale refuses. "
        "Ask for a page at a time (limit), or go through the table in batches (kit.db.bulk)."
    )
