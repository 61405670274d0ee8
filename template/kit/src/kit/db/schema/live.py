"""Changes that the live version of the app does not survive.

`make deploy` migrates first and shifts traffic afterwards, and `make rollback` goes back to code that knows the earlier
schema. So a migration must leave alone what the earlier code selects and inserts. A table that the same migration
creates is not in use yet. The rules are those of strong_migrations, django-migration-linter and squawk, without the ones
about locks: PlanetScale changes tables online.
"""

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from kit.db.schema import widths
from kit.db.schema.definitions import TEXTS, Column, Key, Table
from kit.db.schema.problem import Problem
from kit.db.schema.render_sql import Statement
from kit.db.schema.tables import Tables
from kit.db.schema.unused import is_unused

_INSTEAD = {
    "LIVE_REQUIRED_COLUMN": (
        "Give the model's column a scalar default, which the migration then has as its server default: "
        "mapped_column(default=0). Or make it nullable, fill it with kit.db.bulk once the new version is live, and make "
        "it NOT NULL in a later migration."
    ),
    "LIVE_AUTO_INCREMENT": (
        "Rows that exist get numbers in no order of yours. Add a nullable column, number the rows with kit.db.bulk, and "
        "make it a key in a later migration."
    ),
    "LIVE_NOT_NULL": (
        "First deploy code that never writes NULL, and fill the rows with kit.db.bulk; then make it NOT NULL in a later "
        "migration, and say so beside it."
    ),
    "LIVE_DEFAULT_DROPPED": "First deploy code that always gives the value; then drop the default in a later migration.",
    "LIVE_GENERATED": "Add a generated column of another name; use it, and drop this one with `./uvw run python -m kit schema drop`.",
    "LIVE_NARROWED": (
        "First deploy code that writes no such value, and change the rows with kit.db.bulk; then narrow the column in a "
        "later migration, and say so beside it."
    ),
    "LIVE_TYPE_CHANGED": (
        "Add a column of the new type, write both, backfill with kit.db.bulk, read the new one only, and drop this one: "
        "`./uvw run python -m kit schema rename {name} NEW`, then give NEW its type."
    ),
    "LIVE_COLLATION_CHANGED": (
        "Find out with a query which rows and lookups it changes; then say beside the statement why it is safe."
    ),
    "LIVE_UNIQUE": (
        "First deploy code that never writes a value twice, and remove duplicates; then add the key in a later migration, "
        "and say so beside it."
    ),
    "LIVE_CHECK": (
        "First deploy code that writes no such row, and correct the rows; then add the check in a later migration, and "
        "say so beside it."
    ),
    "LIVE_FOREIGN_KEY": (
        "First deploy code that keeps to it, and correct the rows; then add the foreign key in a later migration, and say "
        "so beside it."
    ),
    "LIVE_DROP_COLUMN": (
        "In two deployments: `./uvw run python -m kit schema drop {name}` writes the migration that lets rows be inserted without "
        "it; deploy that with code that doesn't have it. The same command then writes the drop."
    ),
    "LIVE_DROP_TABLE": (
        "In two deployments: `./uvw run python -m kit schema drop {name}` writes a migration that marks it; deploy that with code "
        "that doesn't have it. The same command then writes the drop."
    ),
    "LIVE_DROP_VIEW": "First deploy code that doesn't use the view; then drop it in a later migration, and say so beside it.",
}


@dataclass
class Step:
    """A statement of a migration, with the tables that it names before and after it."""

    statement: Statement
    tree: Any
    before: dict[str, Table]
    after: dict[str, Table]
    views: frozenset[str] = frozenset()
    """The views before it."""

    @classmethod
    def start(cls, statement: Statement, tree: Any, tables: Tables) -> "Step":
        """Copy the tables before the statement is applied; `finish` does so afterwards."""
        return cls(statement, tree, _named(tree, tables), {}, frozenset(tables.views))

    def finish(self, tables: Tables) -> None:
        """Copy the tables after the statement."""
        self.after = _named(self.tree, tables)


@dataclass(frozen=True)
class Finding:
    """A problem, the statement that causes it, and what it is about: a column's, key's or table's name."""

    statement: Statement
    part: str
    problem: Problem


def _named(tree: Any, tables: Tables) -> dict[str, Table]:
    names = {table.name for table in tree.find_all(exp.Table)} & tables.tables.keys()
    return {name: copy.deepcopy(tables.tables[name]) for name in names}


def of_migration(steps: list[Step]) -> list[Finding]:
    """Return what the live version does not survive of a migration; renames are left to PlanetScale's rules."""
    first: dict[str, Table] = {}
    seen: set[str] = set()
    last: dict[str, Table | None] = {}
    for step in steps:
        for name in step.before.keys() | step.after.keys():
            if name not in seen and name in step.before:
                first[name] = step.before[name]
            seen.add(name)
            last[name] = step.after.get(name)
    renamed = {name for step in steps if _renames(step.tree) for name in step.before.keys() | step.after.keys()}
    findings = [one for step in steps for one in _dropped(step, first, renamed)]
    for name, old in first.items():
        new = last[name]
        if new is None or name in renamed or old.unfollowed or new.unfollowed:
            continue
        for part, problem in _changed(name, old, new):
            findings.append(Finding(_origin(steps, name, part), part, problem))
    return findings


def _renames(tree: Any) -> bool:
    return any(
        isinstance(action, exp.AlterRename | exp.RenameColumn) or action.args.get("rename_from")
        for action in tree.args.get("actions") or ()
    ) and not all(_keeps_name(action) for action in tree.args.get("actions") or ())


def _keeps_name(action: Any) -> bool:
    """Whether it is no rename, such as CHANGE a a INT."""
    if isinstance(action, exp.AlterRename | exp.RenameColumn):
        return False
    old = action.args.get("rename_from")
    return not old or old.name == action.this.name


def _dropped(step: Step, first: dict[str, Table], renamed: set[str]) -> Iterator[Finding]:
    tree = step.tree
    if isinstance(tree, exp.Drop) and tree.kind == "VIEW":
        for node in tree.args.get("tables") or [tree.this]:
            if node.name in step.views:
                yield Finding(step.statement, node.name, _problem("LIVE_DROP_VIEW", f"the view {node.name} is dropped"))
    for name, before in step.before.items():
        if name not in first or name in renamed:
            continue
        after = step.after.get(name)
        if after is None or (isinstance(tree, exp.Create) and tree.kind == "TABLE"):
            if after is None and not is_unused(first[name].comment):
                yield Finding(step.statement, name, _problem("LIVE_DROP_TABLE", f"the table {name} is dropped", name))
            continue
        for column in before.columns.keys() & first[name].columns.keys():
            gone = column not in after.columns or _is_replaced(tree, column)
            if gone and not is_unused(first[name].columns[column].comment):
                what = f"the column {name}.{column} is dropped"
                yield Finding(step.statement, column, _problem("LIVE_DROP_COLUMN", what, f"{name}.{column}"))


def _is_replaced(tree: Any, column: str) -> bool:
    """Whether a statement drops a column and adds another one of that name."""
    return any(
        isinstance(action, exp.Drop)
        and action.kind == "COLUMN"
        and column in {node.name for node in action.args.get("tables") or [action.this]}
        for action in tree.args.get("actions") or ()
    )


def _changed(name: str, old: Table, new: Table) -> Iterator[tuple[str, Problem]]:
    for column_name, column in new.columns.items():
        label = f"{name}.{column_name}"
        before = old.columns.get(column_name)
        problems = _added(label, column) if before is None else _altered(label, before, column, old, new)
        yield from ((column_name, problem) for problem in problems)
    for key_name, key in new.keys.items():
        if key.unique and not _can_be_unique(key, old, new):
            label = f"the primary key of {name}" if key.kind == "PRIMARY" else f"the unique key {key_name} of {name}"
            yield key_name, _problem("LIVE_UNIQUE", f"{label} is new")
    for check_name, check in new.checks.items():
        known = {one.expression for one in old.checks.values()}
        if check.expression not in known and check.columns & old.columns.keys():
            yield check_name, _problem("LIVE_CHECK", f"the check {check_name} of {name} is new")
    for key_name, foreign in new.foreign_keys.items():
        if foreign not in old.foreign_keys.values():
            yield key_name, _problem("LIVE_FOREIGN_KEY", f"the foreign key {key_name} of {name} is new")


def _added(label: str, column: Column) -> Iterator[Problem]:
    if column.auto_increment:
        yield _problem("LIVE_AUTO_INCREMENT", f"{label} is new, and numbers the rows")
    elif not column.nullable and column.default is None and column.computed is None:
        what = f"{label} is new and NOT NULL without a server default, so the live version can't insert (MySQL's 1364)"
        yield _problem("LIVE_REQUIRED_COLUMN", what)


def _altered(label: str, old: Column, new: Column, old_table: Table, new_table: Table) -> Iterator[Problem]:
    required = not new.nullable and new.default is None and new.computed is None and not new.auto_increment
    if new.computed is not None and old.computed is None:
        yield _problem("LIVE_GENERATED", f"{label} becomes generated, so the live version can't insert (MySQL's 3105)")
    elif old.computed is not None and new.computed is None and required:
        what = f"{label} is no longer generated, so the live version can't insert (MySQL's 1364)"
        yield _problem("LIVE_DEFAULT_DROPPED", what)
    if new.computed is None and old.computed is None:
        if old.nullable and not new.nullable:
            yield _problem(
                "LIVE_NOT_NULL", f"{label} becomes NOT NULL, and the live version may write NULL (MySQL's 1048)"
            )
        elif required and (old.default is not None or old.auto_increment):
            what = f"{label} loses its server default, so the live version can't insert (MySQL's 1364)"
            yield _problem("LIVE_DEFAULT_DROPPED", what)
    change = widths.change(old, new)
    if change == "narrower":
        yield _problem("LIVE_NARROWED", f"{label} is narrowed from {old.sql_type} to {new.sql_type}")
    elif change == "other":
        yield _problem("LIVE_TYPE_CHANGED", f"{label} is changed from {old.sql_type} to {new.sql_type}", label)
    if {old.type, new.type} <= TEXTS and _collation(old, old_table) != _collation(new, new_table):
        what = f"{label} compares by {_collation(new, new_table)} instead of {_collation(old, old_table)}"
        yield _problem("LIVE_COLLATION_CHANGED", what)


def _collation(column: Column, table: Table) -> str:
    """The collation by which a column compares, if the database has MySQL's default one."""
    collation = column.collation or (None if column.charset else table.collation)
    charset = column.charset or table.charset or "utf8mb4"
    return collation or {"utf8mb4": "utf8mb4_0900_ai_ci"}.get(charset, f"{charset}_general_ci")


def _can_be_unique(key: Key, old: Table, new: Table) -> bool:
    """Whether no row of the live version can be refused by a unique key."""
    columns = set(key.columns)
    known = [set(one.columns) for one in old.keys.values() if one.unique and not any(part.length for part in one.parts)]
    if any(one.parts == key.parts for one in old.keys.values() if one.unique):
        return True
    if any(one and one <= columns and not any(part.length for part in key.parts) for one in known):
        return True
    added = [new.columns[column] for column in columns - old.columns.keys() if column in new.columns]
    return any((column.nullable and column.default is None) or column.auto_increment for column in added)


def _origin(steps: Iterable[Step], table: str, part: str) -> Statement:
    """The last statement that changed this part of the table."""
    changed = [step for step in steps if _part(step.before.get(table), part) != _part(step.after.get(table), part)]
    touched = changed or [step for step in steps if table in step.after]
    return touched[-1].statement


def _part(table: Table | None, part: str) -> Any:
    if table is None:
        return None
    return [group.get(part) for group in (table.columns, table.keys, table.checks, table.foreign_keys)]


def _problem(code: str, what: str, name: str = "") -> Problem:
    return Problem(code, what, _INSTEAD[code].format(name=name))
