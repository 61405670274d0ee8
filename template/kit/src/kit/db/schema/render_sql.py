"""Renders each migration's SQL as Alembic would send it to MySQL, with the line of the script that it comes from."""

import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy.dialects import mysql


@dataclass(frozen=True)
class Statement:
    """One statement of a migration."""

    file: Path
    line: int
    sql: str


class Unreadable(Exception):
    """A migration that cannot be run without a database, or fails for another reason."""

    def __init__(self, file: Path, line: int, reason: str) -> None:
        super().__init__(reason)
        self.file, self.line, self.reason = file, line, reason


def scripts(folder: Path) -> Iterator[Script]:
    """The migrations in the order in which they are applied."""
    directory = ScriptDirectory(str(folder))
    yield from reversed(list(directory.walk_revisions()))


def statements(script: Script, direction: Literal["upgrade", "downgrade"] = "upgrade") -> list[Statement]:
    """Run a migration's upgrade or downgrade without a database; raises `Unreadable` when it needs one."""
    file = Path(script.path)
    buffer = _StatementBuffer(file)
    context = MigrationContext.configure(
        dialect=mysql.dialect(paramstyle="named"),  # with `%s` for parameters, it would double percent signs
        opts={"as_sql": True, "output_buffer": buffer, "literal_binds": True},
    )
    try:
        with Operations.context(context):
            getattr(script.module, direction)()
    except Exception as error:
        line = buffer.line
        trace = error.__traceback__
        while trace:
            if trace.tb_frame.f_code.co_filename == str(file):
                line = trace.tb_lineno
            trace = trace.tb_next
        raise Unreadable(file, line, f"{type(error).__name__}: {error}") from error
    return buffer.statements


class _StatementBuffer(io.StringIO):
    """Collects what Alembic writes, one statement per call, and finds the migration's line on the call stack."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        self.line = 1
        self.statements: list[Statement] = []

    def write(self, text: str) -> int:
        if sql := text.strip().rstrip(";").strip():
            self.statements.append(Statement(self.file, self._caller(), sql))
        return len(text)

    def _caller(self) -> int:
        frame = sys._getframe(1)
        while frame.f_back and frame.f_code.co_filename != str(self.file):
            frame = frame.f_back
        if frame.f_code.co_filename == str(self.file):
            self.line = frame.f_lineno
        return self.line
