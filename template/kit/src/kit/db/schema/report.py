"""Says in sentences where models and migrations differ, and what of the migrations could not be compared."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kit import references, settings
from kit.db import tables
from kit.db.schema import compare, models
from kit.db.schema.compare import CHARSET, COLLATION
from kit.db.schema.migrated import Migrated, follow

SHOWN = 70
"""How much of a statement is shown, in characters."""


@dataclass
class Report:
    """What `make check` prints."""

    problems: list[str] = field(default_factory=list)
    """Where models and migrations differ."""
    notes: list[str] = field(default_factory=list)
    """What is worth knowing, and no reason to fail."""


def report() -> Report:
    """Compare the project's models with its migrations."""
    declared = models.declared([references.load(references.METADATA), tables.metadata])
    migrated = follow(settings.PROJECT / "migrations")
    result = Report(notes=[*not_followed(migrated), *_collations(declared, migrated)])
    if not migrated.unreadable:
        for one in compare.differences(declared, migrated.tables):
            statement = migrated.last.get(one.table)
            where = f" ({relative(statement.file)})" if statement and one.after is None else ""
            result.problems.append(one.sentence(models_file(one.table)) + where)
    return result


def not_followed(migrated: Migrated) -> Iterator[str]:
    """Sentences about the migrations that the comparison could not follow."""
    for error in migrated.unreadable:
        yield f"{relative(error.file)}:{error.line}: it cannot be read without a database, so nothing is compared with the models."
    for statement, table in migrated.unfollowed:
        short = " ".join(statement.sql.split())
        short = short if len(short) <= SHOWN else short[: SHOWN - 1] + "…"
        consequence = (
            f"so {table} is not compared with the models from here on"
            if table
            else "so a table that it changes may differ from the models unnoticed"
        )
        yield f"{relative(statement.file)}:{statement.line}: `{short}` cannot be followed, {consequence}."


def models_file(table: str) -> str:
    """The file that declares a table, or the one with the metadata."""
    if table in tables.metadata.tables:
        return "the kit"
    module, _, path = references.METADATA.partition(":")
    for cls in _subclasses(references.load(f"{module}:{path.partition('.')[0]}")):
        if getattr(getattr(cls, "__table__", None), "name", None) == table:
            module = cls.__module__
            break
    file = getattr(sys.modules.get(module), "__file__", None)
    return str(relative(Path(file))) if file else module


def relative(file: Path) -> Path:
    """A file as seen from the project's folder."""
    return file.relative_to(settings.PROJECT) if file.is_relative_to(settings.PROJECT) else file


def _subclasses(cls: Any) -> Iterator[type]:
    if isinstance(cls, type):
        below: list[type] = cls.__subclasses__()
        for each in below:
            yield each
            yield from _subclasses(each)


def _collations(declared: Any, migrated: Migrated) -> Iterator[str]:
    older = compare.other_collations(declared, migrated.tables)
    for collation in sorted(set(older.values())):
        names = sorted(name for name, one in older.items() if one == collation)
        compares = "compares" if len(names) == 1 else "compare"
        yield (
            f"{', '.join(names)} {compares} text on MySQL by {collation or 'the collation of the server'}; new tables, "
            f"SQLite and Python compare code points. To change a table, give its model "
            f'__table_args__ = {{"mysql_charset": "{CHARSET}", "mysql_collate": "{COLLATION}"}}: make migration then '
            f"writes ALTER TABLE {names[0]} CONVERT TO CHARACTER SET {CHARSET} COLLATE {COLLATION}."
        )
