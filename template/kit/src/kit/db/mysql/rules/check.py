"""Checks a statement of a migration, with the tables before and after it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sqlglot import exp

from kit.db.mysql.rules import defaults, existing, expressions, foreign_keys, keys, names, partitions, rows, types
from kit.db.mysql.rules.message import refused
from kit.db.schema.columns import definition
from kit.db.schema.definitions import Table
from kit.db.schema.parse import bare
from kit.db.schema.problem import Problem
from kit.db.schema.tables import Tables


def of_statement(
    sql: str,
    tree: Any,
    before: Mapping[str, Table],
    after: Tables,
    views: Mapping[str, set[str]],
    *,
    complete: bool = True,
) -> list[Problem]:
    """Return what MySQL refuses of a statement.

    sql: the statement as text.
    tree: the statement as parsed.
    before: all tables before it.
    after: all tables and views after it.
    views: all views before it.
    complete: whether `before` are really all, so that no other table exists.
    """
    name = _table_of(tree)
    problems = list(names.of_statement(tree))
    if complete and not (name in before and before[name].unfollowed):
        problems += existing.of_statement(tree, before, views)
    words = types.words(sql)
    for part in tree.find_all(exp.ColumnDef):
        if types.is_column(part):
            problems += _of_column(part, name, words.get(part.name, ""), after)
    old, new = before.get(name), after.tables.get(name)
    if not problems and new is not None and not new.unfollowed:  # as MySQL, which gives the first error only
        problems += _of_alteration(name, tree, old, new, after) if old is not None else ()
        known = of_table(name, old, before) if old and not problems else []
        problems += [one for one in of_table(name, new, after.tables, old) if one not in known] if not problems else ()
    if isinstance(tree, exp.Drop) and tree.kind == "TABLE":
        for dropped in tree.args.get("tables") or [tree.this]:
            if dropped.name in before:
                problems += foreign_keys.of_alteration(dropped.name, before[dropped.name], None, after.tables)
    return list(dict.fromkeys(problems))


def _table_of(tree: Any) -> str:
    """The table that a statement creates or changes."""
    if isinstance(tree, exp.Drop):
        return str(tree.args["cluster"].this.name) if tree.kind == "INDEX" else ""
    if isinstance(tree, exp.Create) and tree.kind == "INDEX":
        return str(tree.this.args["table"].name)
    found = tree.find(exp.Table)
    return str(found.name) if found is not None else ""


def _of_column(part: Any, table_name: str, word: str, after: Tables) -> Iterator[Problem]:
    column, kinds = definition(part)
    table = after.tables.get(table_name, Table())
    for kind in kinds:
        if isinstance(kind, exp.DefaultColumnConstraint) and _is_bare_call(kind.this, column.default or ""):
            yield refused(1064, f"{part.name} has the default {kind.this.sql('mysql')} without parentheses")
            return
    yield from types.of_definition(part, column, table, word)
    yield from defaults.of_default(part.name, column, table)
    primary = any(isinstance(kind, exp.PrimaryKeyColumnConstraint) for kind in kinds)
    nullable = any(isinstance(kind, exp.NotNullColumnConstraint) and kind.args.get("allow_null") for kind in kinds)
    never_null = primary or (any(isinstance(kind, exp.NotNullColumnConstraint) for kind in kinds) and not nullable)
    null_default = any(
        isinstance(kind, exp.DefaultColumnConstraint) and isinstance(kind.this, exp.Null) for kind in kinds
    )
    if never_null and null_default:
        yield refused(1067, f"{part.name} is NOT NULL, and has the default NULL")
    key = table.keys.get("PRIMARY")
    if nullable and key and part.name.lower() in {one.lower() for one in key.columns}:
        yield refused(1171, f"{part.name} is NULL, and in the primary key")
    for kind in kinds:
        if isinstance(kind, exp.CheckColumnConstraint):
            others = {one.name for one in kind.find_all(exp.Column) if one.name.lower() != part.name.lower()}
            known = {one.lower() for one in table.columns}
            for other in sorted(one for one in others if one.lower() in known):
                yield refused(3813, f"the check of {part.name} names {other}")


def _is_bare_call(tree: Any, default: str) -> bool:
    """Whether a default is a function other than CURRENT_TIMESTAMP, or a query."""
    return isinstance(tree, exp.Func | exp.Subquery) and not default.startswith("CURRENT_TIMESTAMP")


def of_table(name: str, table: Table, tables: Mapping[str, Table], old: Table | None = None) -> list[Problem]:
    """Return what MySQL refuses of a table, whatever statement made it so.

    tables: all tables.
    old: the same table before the statement.
    """
    return [
        *keys.of_table(name, table, old.keys if old else {}),
        *rows.of_table(name, table),
        *expressions.of_table(name, table),
        *foreign_keys.of_table(name, table, tables),
        *partitions.of_table(name, table, table.options.get("PARTITION BY", "")),
    ]


def _of_alteration(name: str, tree: Any, old: Table, new: Table, after: Tables) -> Iterator[Problem]:
    if isinstance(tree, exp.Create) and tree.kind == "TABLE":
        return
    yield from expressions.of_alteration(name, old, new)
    yield from foreign_keys.of_alteration(name, old, new, after.tables)
    if old.columns and not new.columns:
        yield refused(1090, f"{name} has no column left")
    for other_name, other in after.tables.items():  # whose foreign keys compare with a column that was changed
        if any(key.table == name for key in other.foreign_keys.values()) and other_name != name:
            yield from (
                one for one in foreign_keys.of_table(other_name, other, after.tables) if one.code == "MYSQL_3780"
            )
    for action in tree.args.get("actions") or ():
        if (
            isinstance(action, exp.AlterColumn)
            and action.args.get("default") is not None
            and action.name in new.columns
        ):
            column = new.columns[action.name]
            yield from defaults.of_default(action.name, column, new, altered=True)
            if isinstance(action.args["default"], exp.Null) and not column.nullable:
                yield refused(1067, f"{action.name} is NOT NULL, and has the default NULL")


def of_unparsed(sql: str, after: Tables) -> list[Problem]:
    """Return what MySQL refuses of an ALTER TABLE … PARTITION BY, which isn't parsed."""
    match = re.match(r"\s*ALTER\s+TABLE\s+`?(\w+)`?\s+PARTITION\s+BY\b", bare(sql), re.IGNORECASE)
    table = after.tables.get(match[1]) if match else None
    return list(partitions.of_table(match[1], table, sql)) if match and table else []
