"""Writes a migration: for the difference between models and migrations, or for renaming a column in two steps.

The file is read back, as MySQL and as SQLite would run it, before it is left in the project.
"""

import importlib.util
import logging
import secrets
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.operations import ops
from sqlalchemy import Column, Engine, MetaData, create_engine

from kit import references, settings
from kit.db import migrations, tables
from kit.db.schema import compare, laptop, models
from kit.db.schema.compare import Difference
from kit.db.schema.migrated import Migrated, follow
from kit.db.schema.operations import operations
from kit.db.schema.report import models_file, not_followed, relative
from kit.db.schema.sources import Definitions, Models
from kit.db.schema.written import render_item
from kit.errors import UsageError

_ROUNDS = 3
"""How often what is left of the difference is added; an operation can have an effect on another part of the table."""

BY_HAND = (
    "Write this migration by hand: copy the newest file in migrations/versions, give it the next number and a "
    'down_revision, and put the statements for MySQL into op.execute("…").'
)


def write(message: str, *, note: Callable[[str], object] = lambda _: None) -> Path | None:
    """Write a migration for the difference between the migrations and the models; `None` if there is none.

    note: is called with a sentence for each statement that could not be followed.

    Raises `UsageError` for a difference that one of the databases can't have, and leaves no file then.
    """
    with _at_head() as engine:
        metadata = [references.load(references.METADATA), tables.metadata]
        declared, migrated = models.declared(metadata), follow(_folder())
        if migrated.unreadable:
            error = migrated.unreadable[0]
            raise UsageError(
                f"{relative(error.file)}:{error.line} cannot be read without a database ({error.reason}), so the models "
                f"cannot be compared with the migrations. Write it without queries, with op.… or op.execute(…)."
            )
        for sentence in not_followed(migrated):
            note(sentence)
        if not (different := compare.differences(declared, migrated.tables)):
            return None
        before, new = Definitions(migrated.tables.tables, laptop.read(engine)), Models(metadata)
        draft = _Draft(message, engine)
        try:
            upgrade, after = _upgrade(draft, different, declared, migrated, new, before)
            if refused := list(compare.refused_references(after.tables, migrated.tables)):
                raise UsageError("\n".join(refused))
            _run_on_sqlite(engine)
            back = compare.differences(migrated.tables, after.tables)
            draft.write(upgrade, operations(back, before, new, laptop.read(engine), after.tables.tables))
        except BaseException:
            draft.remove()
            raise
        return draft.finish()


def rename(table: str, old: str, new: str) -> list[Path]:
    """Write the two migrations that rename a column: one adds the new column, one drops the old one.

    Raises `UsageError` if the models have neither.
    """
    metadata: MetaData = references.load(references.METADATA)
    known: Any = metadata.tables[table].columns if table in metadata.tables else {}
    if (column := known.get(old)) is None and (column := known.get(new)) is None:
        raise UsageError(f"The models have no {table}.{old}. Use the names of table and column in the database.")
    added, dropped = Column(new, column.type, nullable=True), Column(old, column.type, nullable=True)
    files = []
    for message, upgrade, downgrade in (
        (f"add {new} to {table}", ops.AddColumnOp(table, added), ops.DropColumnOp(table, new)),
        (f"drop {old} from {table}", ops.DropColumnOp(table, old), ops.AddColumnOp(table, dropped)),
    ):
        with _at_head() as engine:
            draft = _Draft(message, engine)
            draft.write([upgrade], [downgrade])
            files.append(draft.finish())
    return files


def _folder() -> Path:
    return settings.PROJECT / "migrations"


@contextmanager
def _at_head() -> Iterator[Engine]:
    """An in-memory database that has all migrations; the app's database isn't used."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    engine = create_engine("sqlite://", hide_parameters=True)
    migrations.upgrade(engine)
    yield engine
    engine.dispose()


def _upgrade(
    draft: "_Draft", different: list[Difference], declared: Any, migrated: Migrated, new: Models, before: Definitions
) -> tuple[list[Any], Migrated]:
    """Write operations until nothing is left of the difference."""
    upgrade: list[Any] = []
    now = migrated
    for _ in range(_ROUNDS):
        upgrade += operations(different, new, before, before.laptop, now.tables.tables)
        draft.write(upgrade, [])
        now = follow(_folder())
        if now.unreadable:
            raise UsageError(f"The migration cannot be written for MySQL: {now.unreadable[-1].reason}\n{BY_HAND}")
        if not (different := compare.differences(declared, now.tables)):
            return upgrade, now
    left = "\n".join(f"  {one.sentence(models_file(one.table))}" for one in different)
    raise UsageError(f"No operation makes this change:\n{left}\n{BY_HAND}")


def _run_on_sqlite(engine: Engine) -> None:
    """Run the new migration; raises `UsageError` for what SQLite cannot have."""
    try:
        migrations.upgrade(engine)
    except Exception as error:  # whatever Alembic, SQLAlchemy or the driver raise
        cause = error.__cause__ if isinstance(error, UsageError) and error.__cause__ else error
        reason = str(getattr(cause, "orig", None) or cause).partition("\n")[0]
        raise UsageError(
            f"SQLite, the database on a laptop, cannot have this change: {reason}\n"
            "Give a column whose type is MySQL's own a type for both, such as SmallInteger().with_variant(TINYINT(), "
            '"mysql"), and an expression that SQLite does not know kit.db.per_database.per_database(sqlite=…, mysql=…). '
            "No file was written."
        ) from error


class _Draft:
    """The migration's file, while it is written."""

    def __init__(self, message: str, engine: Engine) -> None:
        numbers = [int(file.name[:4]) for file in (_folder() / "versions").glob("[0-9]" * 4 + "_*.py")]
        self.number = f"{max(numbers, default=0) + 1:04}"
        self.revision = f"{self.number}_{secrets.token_hex(2)}"
        """Unlike the number it is not used again, so that a database which has a deleted migration doesn't skip this."""
        self.docstring = message.replace("\\", r"\\").replace('"', r"\"")  # script.py.mako puts it between quotes
        self.engine = engine
        self.files: list[Path] = []

    def write(self, upgrade: list[Any], downgrade: list[Any]) -> None:
        """Write it, in place of an earlier version."""
        self.remove()

        def fill(_context: Any, _revision: Any, directives: list[Any]) -> None:
            directives[0].upgrade_ops.ops = upgrade
            directives[0].downgrade_ops.ops = downgrade

        config = migrations.config(self.engine)
        config.attributes["render_item"] = render_item
        config.cmd_opts = Namespace(quiet=True)  # Alembic would print each version
        config.set_main_option("file_template", f"{self.number}_%%(slug)s")
        try:
            written = command.revision(config, self.docstring, rev_id=self.revision, process_revision_directives=fill)
        finally:
            self.files = list((_folder() / "versions").glob(f"{self.number}_*.py"))
        scripts = written if isinstance(written, Iterable) else [written]
        self.files = [Path(script.path) for script in scripts if script]

    def remove(self) -> None:
        """Delete the file, and its bytecode, which Python would use for one of the same second and size."""
        for file in self.files:
            Path(importlib.util.cache_from_source(str(file))).unlink(missing_ok=True)
            file.unlink(missing_ok=True)
        self.files = []

    def finish(self) -> Path:
        """Return the file, as `make check` expects it."""
        for tidy in (["check", "--fix"], ["format"]):
            subprocess.run([sys.executable, "-m", "ruff", *tidy, "--quiet", *map(str, self.files)], check=False)  # noqa: S603
        return self.files[0]
