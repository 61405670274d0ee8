"""Each migration's SQL, as Alembic would send it to MySQL, with the line of the script that it comes from."""

import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory


@dataclass(frozen=True)
class Statement:
    """One statement of a migration."""

    file: Path
    line: int
    sql: str


class Unreadable(Exception):
    """A migration that cannot be run without a database, or fails for another reason."""

    def __init__(self, file: Path, line: int, why: str) -> None:
        super().__init__(why)
        self.file, self.line, self.why = file, line, why


def scripts(folder: Path) -> Iterator[Script]:
    """The migrations in the order in which they are applied."""
    directory = ScriptDirectory(str(folder))
    yield from reversed(list(directory.walk_revisions()))


def statements(script: Script) -> list[Statement]:
    """Run a migration's upgrade without a database; raises `Unreadable` when it needs one."""
    file = Path(script.path)
    taken = _Taken(file)
    context = MigrationContext.configure(
        dialect_name="mysql", opts={"as_sql": True, "output_buffer": taken, "literal_binds": True}
    )
    try:
        with Operations.context(context):
            script.module.upgrade()
    except Exception as error:
        line = taken.line
        trace = error.__traceback__
        while trace:
            if trace.tb_frame.f_code.co_filename == str(file):
                line = trace.tb_lineno
            trace = trace.tb_next
        raise Unreadable(file, line, f"{type(error).__name__}: {error}") from error
    return taken.statements


class _Taken(io.StringIO):
    """Takes what Alembic prints, a statement a call, and looks up the stack for the line that caused it."""

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
