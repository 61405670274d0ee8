"""What the schema has for the live version's sake, although the models don't: it is no difference between them.

A NOT NULL column that is added to a table has a server default if the app gives one from Python, so that the version
which doesn't know the column can insert. And what is unused stays until a migration drops it, so that the version which
still reads it can.
"""

from dataclasses import replace

from kit.db.schema.definitions import Column, Table
from kit.db.schema.tables import Tables
from kit.db.schema.unused import is_unused


def with_needs_of_live_version(models: Tables, migrated: Tables) -> Tables:
    """The models' tables with what the migrations have, or should have, for the live version."""
    result = Tables()
    result.views, result.unfollowed = models.views, models.unfollowed
    result.tables = {
        name: _table(table, migrated.tables[name]) if name in migrated.tables else table
        for name, table in models.tables.items()
    }
    result.tables |= {name: table for name, table in migrated.tables.items() if is_unused(table.comment)}
    return result


def _table(model: Table, migrated: Table) -> Table:
    unused = {name: column for name, column in migrated.columns.items() if is_unused(column.comment)}
    kept_keys = {name: key for name, key in migrated.keys.items() if unused.keys() & set(key.columns)}
    kept_checks = {name: check for name, check in migrated.checks.items() if unused.keys() & check.columns}
    kept_foreign = {name: key for name, key in migrated.foreign_keys.items() if unused.keys() & set(key.columns)}
    columns = {name: _column(column, migrated.columns.get(name)) for name, column in model.columns.items()}
    return replace(
        model,
        columns=columns | unused,
        keys=model.keys | kept_keys,
        checks=model.checks | kept_checks,
        foreign_keys=model.foreign_keys | kept_foreign,
    )


def _column(model: Column, migrated: Column | None) -> Column:
    if model.nullable or model.default is not None or model.fallback is None:
        return model
    if migrated is None or migrated.default == model.fallback:
        return replace(model, default=model.fallback)
    return model
