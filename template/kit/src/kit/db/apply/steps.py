"""Knows, while migrations run, which statement of which file is being executed."""

import hashlib
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from alembic.script import Script
from sqlalchemy import Connection, event

_REPEATED = {
    *("SELECT", "SHOW", "EXPLAIN", "DESC", "DESCRIBE", "TABLE", "VALUES"),
    *("SET", "USE", "PRAGMA", "LOCK", "UNLOCK"),
    *("BEGIN", "START", "SAVEPOINT", "RELEASE", "ROLLBACK", "COMMIT"),
}
"""The first words of statements that read, set up the connection or belong to a transaction: each run needs them."""

_LEADING = re.compile(r"(?:[\s(]|--[^\n]*|#[^\n]*|/\*.*?\*/)*(\w*)", re.DOTALL)


@dataclass
class Step:
    """One statement of a migration that changes the database."""

    file: str
    line: int
    revision: str
    number: int
    """Counts the statements of its migration from 1."""
    sql: str
    digest: str
    """Of the text and of its parameters."""
    done: bool = False
    committed: bool = False
    """Whether the migration itself has committed it."""


class Progress(Protocol):
    """Keeps what is done; see `kit.db.apply.progress`."""

    def begin(self, step: Step) -> bool:
        """Called before a statement; returns whether an earlier run has done it."""

    def end(self, step: Step, cursor: Any) -> None:
        """Called after it, whoever has done it."""

    def finish(self) -> None:
        """Called at the end of a migration, in the transaction that stores its revision."""


class Recorder:
    """What has happened so far in one run of the migrations."""

    def __init__(self, on_applied: Callable[[Script], None]) -> None:
        self.scripts: dict[str, Script] = {}
        """The project's migrations by file."""
        self.applied: list[Script] = []
        """The migrations that are committed."""
        self.steps: list[Step] = []
        """The statements of the migration that runs, or ran last."""
        self.finished: Script | None = None
        """The migration that is done, but not committed yet."""
        self.progress: Progress | None = None
        self.check: Callable[[], None] = lambda: None
        """Called at the end of each migration; raises an exception to have it rolled back."""
        self.connected = False
        """Whether the database could be reached."""
        self._on_applied = on_applied
        self._current: Step | None = None
        self._own = False

    @contextmanager
    def watch(self, connection: Connection) -> Iterator[None]:
        """Note what this connection executes in the block."""
        event.listen(connection, "begin", self._begin)
        event.listen(connection, "commit", self._commit)
        event.listen(connection, "before_cursor_execute", self._before, retval=True)
        event.listen(connection, "after_cursor_execute", self._after)
        try:
            yield
            self._confirm()
        finally:
            event.remove(connection, "begin", self._begin)
            event.remove(connection, "commit", self._commit)
            event.remove(connection, "before_cursor_execute", self._before)
            event.remove(connection, "after_cursor_execute", self._after)

    def finish(self, ctx: Any, step: Any, heads: Any, run_args: Any) -> None:
        """Note that a migration is done, and check it; Alembic calls this in the migration's transaction."""
        self.finished = step.up_revision
        self.check()
        if self.progress:
            with self._own_statements():
                self.progress.finish()

    def _begin(self, _: Connection) -> None:
        self._confirm()  # the next migration's transaction begins, so the one before is committed

    def _commit(self, _: Connection) -> None:
        for step in self.steps:
            step.committed = step.done

    def _confirm(self) -> None:
        if script := self.finished:
            self.finished = None
            self.applied.append(script)
            self.steps.clear()
            self._on_applied(script)

    def _before(
        self, connection: Connection, _cursor: Any, sql: str, parameters: Any, _context: Any, many: bool
    ) -> tuple[str, Any]:
        if self._own:
            return sql, parameters
        place = next((place for place in _stack() if place[0] in self.scripts), None) if changes(sql) else None
        text = sql.replace("%%", "%") if connection.dialect.paramstyle in {"format", "pyformat"} else sql
        self._current = step = self._step(*place, text, parameters) if place else None
        if step and self.progress:
            with self._own_statements():
                if self.progress.begin(step):
                    return "DO 0", [()] if many else ()
        return sql, parameters

    def _after(self, connection: Connection, cursor: Any, sql: str, *_: Any) -> None:
        if self._own:
            return
        if step := self._current:
            if self.progress:
                with self._own_statements():
                    self.progress.end(step, cursor)
            step.done = True
        if first_word(sql) == "COMMIT" or connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
            self._commit(connection)

    def _step(self, file: str, line: int, sql: str, parameters: Any) -> Step:
        revision = self.scripts[file].revision
        if self.steps and self.steps[0].revision != revision:
            self.steps.clear()
        digest = hashlib.sha256(f"{sql}\n{parameters!r}".encode(errors="backslashreplace")).hexdigest()
        step = Step(file, line, revision, len(self.steps) + 1, sql, digest)
        self.steps.append(step)
        return step

    @contextmanager
    def _own_statements(self) -> Iterator[None]:
        self._own = True
        try:
            yield
        finally:
            self._own = False


def first_word(sql: str) -> str:
    """The statement's first word in capitals, after comments and parentheses."""
    match = _LEADING.match(sql)
    return match[1].upper() if match else ""


def changes(sql: str) -> bool:
    """Whether a statement may change the database, rather than the connection alone."""
    if first_word(sql) == "WITH":
        return re.search(r"\b(UPDATE|DELETE|INSERT)\b", sql, re.IGNORECASE) is not None
    return first_word(sql) not in _REPEATED


def _stack() -> Iterator[tuple[str, int]]:
    frame = sys._getframe(1)
    while True:
        yield frame.f_code.co_filename, frame.f_lineno
        if frame.f_back is None:
            return
        frame = frame.f_back
