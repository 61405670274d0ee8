"""The tables after all migrations, as far as their statements can be followed."""

from collections import Counter
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
    unfollowed: list[tuple[Statement, str]] = field(default_factory=list)
    """The statements that could not be followed, each with its table, or "" if that is not known either."""
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
            for name in _unfollowed(migrated.tables) - before:
                migrated.unfollowed.append((statement, name))
    return migrated


def _unfollowed(tables: Tables) -> Counter[str]:
    """How many statements of each table could not be followed."""
    counts = {name: len(table.unfollowed) for name, table in tables.tables.items()}
    return Counter({**counts, "": len(tables.unfollowed)})
