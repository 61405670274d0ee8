"""What a statement creates that exists already, and changes or drops that doesn't exist."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlglot import exp

from kit.db.mysql.rules.message import refused
from kit.db.schema.definitions import Table
from kit.db.schema.problem import Problem


def of_statement(tree: Any, tables: Mapping[str, Table], views: Mapping[str, set[str]]) -> Iterator[Problem]:
    """Problems with the tables before the statement."""
    if isinstance(tree, exp.Create):
        yield from _created(tree, tables, views)
    elif isinstance(tree, exp.Drop):
        yield from _dropped(tree, tables, views)
    elif isinstance(tree, exp.Alter) and tree.this.name not in tables:
        yield refused(1146, f"there is no table {tree.this.name}")
    elif isinstance(tree, exp.Alter):
        yield from _altered(tree, tables)
    if isinstance(tree, exp.Create | exp.Alter):
        yield from _defined_twice(tree, tables)
        yield from _constraints(tree, tables)


def _created(tree: Any, tables: Mapping[str, Table], views: Mapping[str, set[str]]) -> Iterator[Problem]:
    if tree.kind == "INDEX":
        table = tree.this.args["table"].name
        if table not in tables:
            yield refused(1146, f"there is no table {table}")
        elif _has(tree.this.name, tables[table].keys):
            yield refused(1061, f"{table} has the index {tree.this.name} already")
        return
    if tree.kind not in {"TABLE", "VIEW"}:
        return
    name = tree.find(exp.Table).name
    taken = name in tables or (name in views and not (tree.kind == "VIEW" and tree.args.get("replace")))
    if taken and not tree.args.get("exists"):
        yield refused(1050, f"{name} exists already")
    if (like := tree.find(exp.LikeProperty)) and like.this.name not in tables:
        yield refused(1146, f"there is no table {like.this.name}")
    elif tree.kind == "TABLE" and not like and tree.expression is None and not getattr(tree.this, "expressions", None):
        yield refused(1064, f"{name} has no column")
    if tree.kind == "VIEW":
        yield from _viewed(name, tree.expression, tables)


def _viewed(name: str, query: Any, tables: Mapping[str, Table]) -> Iterator[Problem]:
    """Problems of a view of a single table."""
    if not isinstance(query, exp.Select) or query.args.get("joins"):
        return
    source = query.find(exp.Table)
    known = {column.lower() for column in tables[source.name].columns} if source and source.name in tables else None
    columns = [one for one in query.expressions if isinstance(one.unalias(), exp.Column)]
    for column in {one.unalias().name for one in columns} if known else ():
        if column.lower() not in (known or ()) and column != "*":
            yield refused(1054, f"the view {name} names the column {column}, which does not exist")
    names = [one.alias_or_name.lower() for one in columns]
    for column in sorted({one for one in names if names.count(one) > 1} - {"*"}):
        yield refused(1060, f"the view {name} has the column {column} twice")


def _dropped(tree: Any, tables: Mapping[str, Table], views: Mapping[str, set[str]]) -> Iterator[Problem]:
    named = [node.name for node in tree.args.get("tables") or [tree.this]]
    if tree.kind == "INDEX":
        table = tree.args["cluster"].this.name
        if table not in tables:
            yield refused(1146, f"there is no table {table}")
        for name in named if table in tables else ():
            if not _has(name, tables[table].keys):
                yield refused(1091, f"{table} has no index {name}")
    elif not tree.args.get("exists"):
        for name in named:
            if name not in (views if tree.kind == "VIEW" else tables):
                yield refused(1051, f"there is no {tree.kind.lower()} {name}")


def _altered(tree: Any, tables: Mapping[str, Table]) -> Iterator[Problem]:
    name = tree.this.name
    table = tables[name]
    for action in tree.args.get("actions") or ():
        if isinstance(action, exp.ModifyColumn):
            old = (action.args.get("rename_from") or action.this.this).name
            if not _has(old, table.columns):
                yield refused(1054, f"{name} has no column {old}")
        elif isinstance(action, exp.AlterColumn) and not _has(action.name, table.columns):
            yield refused(1054, f"{name} has no column {action.name}")
        elif isinstance(action, exp.RenameColumn) and not _has(action.this.name, table.columns):
            yield refused(1054, f"{name} has no column {action.this.name}")
        elif isinstance(action, exp.RenameIndex) and not _has(action.this.name, table.keys):
            yield refused(1176, f"{name} has no index {action.this.name}")
        elif isinstance(action, exp.DropPrimaryKey) and "PRIMARY" not in table.keys:
            yield refused(1091, f"{name} has no primary key")
        elif isinstance(action, exp.AlterRename) and action.this.name in tables and action.this.name != name:
            yield refused(1050, f"{action.this.name} exists already")
        elif isinstance(action, exp.Drop):
            yield from _parts_dropped(name, table, action)
    for position in tree.find_all(exp.ColumnPosition):
        added = {column.name.lower() for column in tree.find_all(exp.ColumnDef)}
        after = position.this
        if after is not None and after.name.lower() not in added and not _has(after.name, table.columns):
            yield refused(1054, f"{name} has no column {after.name}")


def _parts_dropped(name: str, table: Table, action: Any) -> Iterator[Problem]:
    for node in action.args.get("tables") or [action.this]:
        part = node.name
        if action.kind == "COLUMN" and not _has(part, table.columns):
            yield refused(1091, f"{name} has no column {part}")
        elif action.kind in {"INDEX", "KEY"} and not _has(part, table.keys):
            yield refused(1091, f"{name} has no index {part}")
        elif action.kind == "CHECK" and not _has(part, table.checks):
            yield refused(3821, f"{name} has no check {part}")
        elif action.kind == "FOREIGN KEY" and not _has(part, table.foreign_keys):
            yield refused(1091, f"{name} has no foreign key {part}")
        elif action.kind == "CONSTRAINT":
            groups = sum(_has(part, group) for group in (table.keys, table.checks, table.foreign_keys))
            if groups != 1:
                what = f"{groups} constraints" if groups else "no constraint"
                yield refused(3939 if groups else 3940, f"{name} has {what} {part}")


def _defined_twice(tree: Any, tables: Mapping[str, Table]) -> Iterator[Problem]:
    """Columns, indexes and primary keys that the statement adds to those that are there."""
    alter = isinstance(tree, exp.Alter)
    name = tree.this.name if alter else tree.find(exp.Table).name
    table = tables.get(name, Table()) if alter else Table()
    parts = (tree.args.get("actions") or ()) if alter else getattr(tree.this, "expressions", None) or ()
    dropped = {
        node.name.lower()
        for action in parts
        if isinstance(action, exp.Drop)
        for node in action.args.get("tables") or [action.this]
    }
    columns = {column.lower() for column in table.columns} - dropped
    indexes = {index.lower() for index in table.keys} - dropped
    primary = [column.lower() for column in table.keys["PRIMARY"].columns] if "PRIMARY" in table.keys else []
    stays = any(column not in dropped for column in primary)  # it goes with the last of its columns
    primaries = int(stays and not any(isinstance(part, exp.DropPrimaryKey) for part in parts))
    for part in (inner for action in parts for inner in _added(action)):
        if isinstance(part, exp.RenameColumn | exp.ModifyColumn):
            old = part.this if isinstance(part, exp.RenameColumn) else part.args.get("rename_from")
            new = (part.args["to"] if isinstance(part, exp.RenameColumn) else part.this.this).name.lower()
            if old is not None and old.name.lower() != new:
                columns.discard(old.name.lower())
                if new in columns:
                    yield refused(1060, f"{name} has the column {new} already")
                columns.add(new)
            primaries += _primaries(part.this) if isinstance(part, exp.ModifyColumn) else 0
        elif isinstance(part, exp.RenameIndex):
            if part.args["to"].name.lower() in indexes:
                yield refused(1061, f"{name} has the index {part.args['to'].name} already")
        elif isinstance(part, exp.ColumnDef):
            if part.name.lower() in columns:
                yield refused(1060, f"{name} has the column {part.name} already")
            columns.add(part.name.lower())
            primaries += _primaries(part)
        elif isinstance(part, exp.PrimaryKey):
            primaries += 1
        elif index := _index_name(part):
            if index.lower() in indexes:
                yield refused(1061, f"{name} has the index {index} already")
            indexes.add(index.lower())
    if primaries > 1:
        yield refused(1068, f"{name} gets {primaries} primary keys")


def _added(action: Any) -> Iterator[Any]:
    """The definitions in an action of ALTER TABLE, or in a part of CREATE TABLE; a constraint gives its name."""
    for part in action.expressions if isinstance(action, exp.AddConstraint) else [action]:
        if isinstance(part, exp.Constraint):
            yield from (inner if isinstance(inner, exp.PrimaryKey) else part for inner in part.expressions)
        else:
            yield part


def _primaries(column: Any) -> int:
    kinds = (constraint.args.get("kind") for constraint in column.args.get("constraints") or ())
    return sum(isinstance(kind, exp.PrimaryKeyColumnConstraint) for kind in kinds)


def _index_name(part: Any) -> str:
    """The name that the definition of an index has; empty for another part, and without a name."""
    if isinstance(part, exp.Constraint):
        return str(part.name) if any(isinstance(one, exp.UniqueColumnConstraint) for one in part.expressions) else ""
    if isinstance(part, exp.UniqueColumnConstraint):
        return str(part.this.name) if isinstance(part.this, exp.Schema) else ""
    return str(part.name) if isinstance(part, exp.IndexColumnConstraint) else ""


def _constraints(tree: Any, tables: Mapping[str, Table]) -> Iterator[Problem]:
    """Names of checks and foreign keys, which are one of a kind in the whole database."""
    named = list(tree.find_all(exp.Constraint))
    if not named:
        return
    dropped = {
        part.name.lower()
        for action in tree.args.get("actions") or ()
        if isinstance(action, exp.Drop)
        for part in action.args.get("tables") or [action.this]
    }
    taken = {
        exp.CheckColumnConstraint: {name.lower() for table in tables.values() for name in table.checks} - dropped,
        exp.ForeignKey: {name.lower() for table in tables.values() for name in table.foreign_keys} - dropped,
    }
    for constraint in named:
        for kind, number, word in ((exp.CheckColumnConstraint, 3822, "check"), (exp.ForeignKey, 1826, "foreign key")):
            if any(isinstance(one, kind) for one in constraint.expressions):
                if constraint.name.lower() in taken[kind]:
                    yield refused(number, f"there is a {word} {constraint.name} already")
                taken[kind].add(constraint.name.lower())


def _has(name: str, names: Mapping[str, object]) -> bool:
    return name in names or name.lower() in {one.lower() for one in names}
