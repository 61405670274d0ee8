"""The tables after all migrations, as far as their statements can be followed."""

from dataclasses import dataclass, field
from pathlib import Path

from kit.db.schema import render_sql
from kit.db.schema.render_sql import Statement
from kit.db.schema.tables import Tables


@dataclass
class Migrated:
    """The tables, and where they come from."""

    tables: Tables = field(default_factory=Tables)
    last: dict[str, Statement] = field(default_factory=dict)
    """For each table, the last statement that changed it."""
    unfollowed: list[Statement] = field(default_factory=list)
    """The statements that could not be followed."""
    unreadable: list[render_sql.Unreadable] = field(default_factory=list)
    """The migrations that can't be run without a database."""


def follow(folder: Path) -> Migrated:
    """Apply all migrations in `folder`."""
    migrated = Migrated()
    for script in render_sql.scripts(folder):
        try:
            statements = render_sql.statements(script)
        except render_sql.Unreadable as error:
            migrated.unreadable.append(error)
            continue
        for statement in statements:
            before = _unfollowed(migrated.tables)
            for name in migrated.tables.apply_sql(statement.sql):
                migrated.last[name] = statement
            if _unfollowed(migrated.tables) > before:
                migrated.unfollowed.append(statement)
    return migrated


def _unfollowed(tables: Tables) -> int:
    return len(tables.unfollowed) + sum(len(table.unfollowed) for table in tables.tables.values())
