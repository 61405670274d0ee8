"""Writes the migrations that rename or drop a column, or drop a table, in steps that the live version survives.

What is to be dropped is first marked by its comment in the schema, and a column is made such that rows can be inserted
without it. The models may then leave it out. Once that is deployed, the next migration drops it.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kit import references, settings
from kit.db import migrations, tables
from kit.db.schema import compare, laptop, models
from kit.db.schema.definitions import Table
from kit.db.schema.migrated import follow
from kit.db.schema.new_migration import Draft, at_head
from kit.db.schema.operations import operations
from kit.db.schema.sources import Definitions
from kit.db.schema.tables import Tables
from kit.db.schema.unused import MARK, is_unused
from kit.errors import UsageError


@dataclass(frozen=True)
class Written:
    """A migration, and what to do next."""

    file: Path
    next_step: str


def drop(table: str, column: str = "") -> Written:
    """Write the next of the two migrations that drop a column, or a table.

    Raises `UsageError` if it isn't there, or is in the models still when it is to be dropped.
    """
    name = f"{table}.{column}" if column else table
    migrated = follow(_folder()).tables
    _require(migrated, table, column)
    if not is_unused(_comment(migrated, table, column)):
        file = _write(f"stop using {name}", migrated, lambda target: _mark(target, table, column, "to be dropped"))
        return Written(
            file,
            f"Remove {name} from the models, and deploy this migration with that version. Once no version that uses it "
            f"can come back, write the drop: ./uvw run python -m kit schema drop {name}",
        )
    declared = models.declared([references.load(references.METADATA), tables.metadata]).tables
    if table in declared and (not column or column in declared[table].columns):
        raise UsageError(
            f"The models still have {name}. Remove it, deploy that version, and then run this command again."
        )
    file = _write(f"drop {name}", migrated, lambda target: _remove(target, table, column))
    return Written(file, f"Deploy it once the version without {name} is live, and none before it can come back.")


def rename(table: str, old: str, new: str) -> Written:
    """Write the migration that begins to rename a column: it adds the new one, and makes the old one optional.

    Raises `UsageError` if the migrations don't have the old one, or have the new one.
    """
    migrated = follow(_folder()).tables
    _require(migrated, table, old)
    if new in migrated.tables[table].columns:
        raise UsageError(f"The migrations already have {table}.{new}.")

    def change(target: Tables) -> None:
        column = copy.deepcopy(target.tables[table].columns[old])
        column.nullable = True
        target.tables[table].columns[new] = column
        _mark(target, table, old, f"renamed to {new}")

    file = _write(f"rename {table}.{old} to {new}", migrated, change)
    return Written(
        file,
        f"1. Write both columns in the models' code, read {old}, and deploy that with this migration.\n"
        f"2. Fill {new} with kit.db.bulk, then read it instead, and deploy that.\n"
        f"3. Remove {old} from the models, and deploy that.\n"
        f"4. Write the drop, and deploy it last: ./uvw run python -m kit schema drop {table}.{old}",
    )


def _folder() -> Path:
    return settings.PROJECT / "migrations"


def _require(migrated: Tables, table: str, column: str) -> None:
    known = migrated.tables.get(table)
    if known is None or (column and column not in known.columns):
        name = f"{table}.{column}" if column else table
        raise UsageError(f"The migrations have no {name}. Use the names of table and column in the database.")
    if known.unfollowed:
        raise UsageError(f"A migration changes {table} in a way that can't be followed. Write this one by hand.")
    if column and "PRIMARY" in known.keys and column in known.keys["PRIMARY"].columns:
        raise UsageError(f"{table}.{column} is in the primary key. Write this migration by hand.")


def _comment(migrated: Tables, table: str, column: str) -> str:
    return migrated.tables[table].columns[column].comment if column else migrated.tables[table].comment


def _mark(target: Tables, table: str, column: str, why: str) -> None:
    if not column:
        target.tables[table].comment = MARK + why
        return
    definition = target.tables[table].columns[column]
    definition.comment = MARK + why
    if definition.default is None and definition.computed is None:
        definition.nullable = True


def _remove(target: Tables, table: str, column: str) -> None:
    if not column:
        del target.tables[table]
        return
    changed: Table = target.tables[table]
    del changed.columns[column]
    changed.keys = {name: key for name, key in changed.keys.items() if column not in key.columns}
    changed.checks = {name: check for name, check in changed.checks.items() if column not in check.columns}
    changed.foreign_keys = {name: key for name, key in changed.foreign_keys.items() if column not in key.columns}


def _write(message: str, migrated: Tables, change: Callable[[Tables], None]) -> Path:
    """Write a migration that makes this change to the tables, and its downgrade."""
    target = copy.deepcopy(migrated)
    change(target)
    with at_head() as engine:
        on_sqlite = laptop.read(engine)
        before, after = Definitions(migrated.tables, on_sqlite), Definitions(target.tables, on_sqlite)
        draft = Draft(message, engine)
        upgrade = operations(compare.changes(target, migrated), after, before, on_sqlite, migrated.tables)
        try:
            draft.write(upgrade, [])
            migrations.upgrade(engine)
            back = operations(compare.changes(migrated, target), before, after, laptop.read(engine), target.tables)
            draft.write(upgrade, back)
        except BaseException:
            draft.remove()
            raise
        return draft.finish()
