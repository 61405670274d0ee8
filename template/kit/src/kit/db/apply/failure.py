"""The message about a migration that failed: where, the server's words, what is done already, and the next step."""

import re
import textwrap
import traceback
from pathlib import Path
from typing import Any

from alembic.util.exc import CommandError
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from kit import settings
from kit.db import errors
from kit.db.apply import progress
from kit.db.apply.steps import Recorder
from kit.errors import UsageError

SHOWN_CHARACTERS = 2000
"""How much of a long statement is shown."""

AGAIN = "run it again: make migrate"


class MigrationFailed(UsageError):
    """A migration failed. The message says where and why, what is done already, and the next step."""


class MigrationStopped(KeyboardInterrupt):
    """Migrating was stopped by Ctrl-C. The message says where, what is done already, and the next step."""


def explain(error: BaseException, recorder: Recorder, engine: Engine, *, resumable: bool) -> BaseException:
    """Return the error to raise instead of one that left a run of the migrations.

    resumable: whether another run will go on with this database. A PlanetScale branch is deleted instead.
    """
    paragraphs = [_where(error, recorder), _reason(error, engine)]
    paragraphs += _outcome(error, recorder, engine) if resumable else [_next_step(error, engine)]
    message = "\n\n".join(paragraphs)
    return MigrationStopped(message) if isinstance(error, KeyboardInterrupt) else MigrationFailed(message)


def _where(error: BaseException, recorder: Recorder) -> str:
    """The migration's file, line and statement."""
    step = recorder.steps[-1] if recorder.steps else None
    place = _place(error)
    if place is None and step and not recorder.finished:  # Alembic's own statement after the migration's
        place = step.file, step.line
    if place is None and recorder.finished:  # a check of the whole migration, or its commit
        return f"{_relative(recorder.finished.path)}: {recorder.finished.revision} failed at its end."
    if place is None:
        return "The database could not be migrated."
    file, line = place
    subject = f"{_relative(file)}:{line}: {recorder.scripts[file].revision if file in recorder.scripts else 'it'}"
    if step is None or step.file != file:
        return f"{subject} failed before its first statement."
    if step.done:
        return f"{subject} failed after its statement {step.number}."
    shown = textwrap.shorten(step.sql, SHOWN_CHARACTERS) if len(step.sql) > SHOWN_CHARACTERS else step.sql.strip()
    return f"{subject} failed in its statement {step.number}:\n\n{textwrap.indent(shown, '    ')}"


def _place(error: BaseException) -> tuple[str, int] | None:
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno or 1
    innermost_first = [(frame.f_code.co_filename, line) for frame, line in _frames(error)][::-1]
    folder = settings.PROJECT / "migrations" / "versions"  # a file that fails when it is imported is no script yet
    return next((place for place in innermost_first if Path(place[0]).parent == folder), None)


def _frames(error: BaseException) -> list[tuple[Any, int]]:
    return list(traceback.walk_tb(error.__traceback__))


def _reason(error: BaseException, engine: Engine) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "It was stopped by Ctrl-C."
    if isinstance(error, DBAPIError):
        return errors.words(error, engine)
    if isinstance(error, CommandError):
        return str(error)
    frame, line = _frames(error)[-1]
    return f"{type(error).__name__}: {error} ({_relative(frame.f_code.co_filename)}:{line})"


def _outcome(error: BaseException, recorder: Recorder, engine: Engine) -> list[str]:
    """What is done of the migration already, and the next step."""
    if not (recorder.steps or recorder.finished or _place(error) or _interrupted(error, engine)):
        return [f"Once that is solved, {AGAIN}"]
    if recorder.progress:
        return _recorded_outcome(error, engine)
    if committed := [(step.number, step.sql) for step in recorder.steps if step.committed]:
        return [
            f"It has committed these statements by itself:\n{progress.listed(committed)}",
            f"Take them back by hand, correct the migration, and {AGAIN}",
        ]
    return ["Nothing of it was applied.", _next_step(error, engine)]


def _recorded_outcome(error: BaseException, engine: Engine) -> list[str]:
    later = "Then run it again: make migrate. It continues where this run stopped."
    try:
        done = progress.read_after_failure(engine)
    except UsageError:
        return [f"MySQL may still be executing it. Wait until SHOW PROCESSLIST doesn't list it any more. {later}"]
    except DBAPIError as lost:
        return [f"What of it is done can't be found out now: {errors.words(lost, engine)}", later]
    if not done:
        return ["Nothing of it was applied.", _next_step(error, engine)]
    if _interrupted(error, engine):
        next_step = "Run it again: make migrate. It continues after them."
    else:
        next_step = f"Leave them in the file as they are. {_next_step(error, engine)}. It continues after them."
    return [f"These statements of it are done, and can't be rolled back:\n{progress.listed(done)}", next_step]


def _next_step(error: BaseException, engine: Engine) -> str:
    if _interrupted(error, engine):
        return f"R{AGAIN[1:]}"
    if isinstance(error, OperationalError) and "locked" in str(error.orig):
        return f"Another process is writing to the database. Stop it, or wait, and {AGAIN}"
    hint = "A call of op.execute takes a single statement. " if _has_several(error) else ""
    if "Cannot add a NOT NULL column" in str(
        error
    ):  # SQLite's words; MySQL would fill in a value, see LIVE_REQUIRED_COLUMN
        hint = (
            "Give the column a server default, or add it as nullable first: neither the rows nor the inserts of the "
            "version that is live have a value for it. "
        )
    return f"{hint}Correct the migration, and {AGAIN}"


def _interrupted(error: BaseException, engine: Engine) -> bool:
    return isinstance(error, KeyboardInterrupt) or (isinstance(error, DBAPIError) and errors.is_lost(error, engine))


def _has_several(error: BaseException) -> bool:
    statement = error.statement if isinstance(error, ProgrammingError) else None
    return statement is not None and re.search(r";\s*\w", re.sub(r"'[^']*'", "", statement)) is not None


def _relative(file: str) -> str:
    path = Path(file)
    return path.relative_to(settings.PROJECT).as_posix() if path.is_relative_to(settings.PROJECT) else file
