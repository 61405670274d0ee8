"""What the tables look like after each statement: as much of it as the rules need."""

import copy
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

BLOBS = {"TEXT", "TINYTEXT", "MEDIUMTEXT", "LONGTEXT", "BLOB", "TINYBLOB", "MEDIUMBLOB", "LONGBLOB", "JSON"}
SERIAL = "SERIAL"
"""In MySQL BIGINT UNSIGNED NOT NULL AUTO_INCREMENT UNIQUE."""


@dataclass
class Column:
    """A column: its type's name, and whether it may be null."""

    type: str
    nullable: bool = True

    @property
    def blob(self) -> bool:
        """Whether only a part of it can be indexed."""
        return self.type in BLOBS


@dataclass
class Key:
    """A unique key or the primary one; `columns` gives for each whether only a prefix of it counts."""

    columns: dict[str, bool]


@dataclass
class Table:
    """A table's columns and unique keys, the keys by name."""

    columns: dict[str, Column] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)

    def add_unique(self, name: str, columns: dict[str, bool]) -> None:
        """Add a unique key; MySQL names one without a name after its first column, and numbers it if that is taken."""
        first, number = next(iter(columns)), 2
        chosen = name or first
        while not name and chosen in self.keys:
            chosen, number = f"{first}_{number}", number + 1
        self.keys[chosen] = Key(columns)

    def make_primary_not_null(self) -> None:
        """Make the columns of the primary key NOT NULL, as MySQL does; they stay so when the key is dropped."""
        for name in self.keys["PRIMARY"].columns if "PRIMARY" in self.keys else ():
            if name in self.columns:
                self.columns[name].nullable = False

    def usable(self, key: Key) -> bool:
        """Whether the key identifies each row: nothing null, no blob, no prefix."""
        columns = [(self.columns.get(name), prefix) for name, prefix in key.columns.items()]
        return all(column and not prefix and not column.blob and not column.nullable for column, prefix in columns)


class Tables:
    """All tables and views by name."""

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {}
        self.views: dict[str, set[str]] = {}

    def apply(self, tree: Any) -> set[str]:
        """Apply a statement; returns the names of the tables that it changed."""
        if isinstance(tree, exp.Create):
            return self._create(tree)
        if isinstance(tree, exp.Drop):
            return self._drop(tree)
        if isinstance(tree, exp.Alter):
            return self._alter(tree)
        return set()

    def _create(self, tree: Any) -> set[str]:
        if tree.kind == "INDEX":
            name = tree.this.args["table"].name
            if tree.args.get("unique"):
                columns = tree.this.args["params"].args["columns"]
                self.table(name).keys[tree.this.name] = Key(dict(_indexed(column.this) for column in columns))
            return {name}
        if tree.kind == "VIEW":
            name = tree.this.name
            self.views[name] = {table.name for table in tree.expression.find_all(exp.Table)}
            return {name}
        if tree.kind != "TABLE":
            return set()
        name = tree.find(exp.Table).name
        if like := tree.find(exp.LikeProperty):
            self.tables[name] = copy.deepcopy(self.table(like.this.name))
            return {name}
        table = self.tables[name] = Table()
        if isinstance(tree.this, exp.Schema):
            for part in tree.this.expressions:
                self._add(table, part)
        return {name}

    def _drop(self, tree: Any) -> set[str]:
        named = tree.args.get("tables") or [tree.this]
        if tree.kind == "INDEX":
            table = tree.args["cluster"].this.name
            for node in named:
                self.table(table).keys.pop(node.name, None)
            return {table}
        for node in named:
            self.tables.pop(node.name, None)
            self.views.pop(node.name, None)
        return {node.name for node in named}

    def _alter(self, tree: Any) -> set[str]:
        name = tree.this.name
        table = self.table(name)
        for action in tree.args.get("actions") or ():
            if isinstance(action, exp.AddConstraint):
                for part in action.expressions:
                    self._add(table, part)
            elif isinstance(action, exp.ModifyColumn):
                self._rename(table, action.args.get("rename_from"), action.this.this)
                self._add(table, action.this)
            elif isinstance(action, exp.RenameColumn):
                self._rename(table, action.this, action.args["to"])
            elif isinstance(action, exp.DropPrimaryKey):
                table.keys.pop("PRIMARY", None)
            elif isinstance(action, exp.Drop):
                self._remove(table, action)
            elif isinstance(action, exp.AlterRename):
                self.tables[action.this.name] = self.tables.pop(name)
                name = action.this.name
            else:
                self._add(table, action)
        return {name}

    def _add(self, table: Table, part: Any) -> None:
        if isinstance(part, exp.Constraint):
            for inner in part.expressions:
                self._add_key(table, inner, part.name)
        elif isinstance(part, exp.ColumnDef):
            kinds = [constraint.args.get("kind") for constraint in part.args.get("constraints") or ()]
            primary = any(isinstance(kind, exp.PrimaryKeyColumnConstraint) for kind in kinds)
            never_null = any(
                isinstance(kind, exp.NotNullColumnConstraint) and not kind.args.get("allow_null") for kind in kinds
            )
            type_name = part.args["kind"].this.name
            serial = type_name == SERIAL
            table.columns[part.name] = Column(type_name, nullable=not (never_null or serial))
            if primary:
                table.keys["PRIMARY"] = Key({part.name: False})
            if serial or any(isinstance(kind, exp.UniqueColumnConstraint) for kind in kinds):
                table.add_unique("", {part.name: False})
            table.make_primary_not_null()
        else:
            self._add_key(table, part, "")

    def _add_key(self, table: Table, part: Any, name: str) -> None:
        if isinstance(part, exp.PrimaryKey):
            table.keys["PRIMARY"] = Key(dict(_indexed(column) for column in part.expressions))
            table.make_primary_not_null()
        elif isinstance(part, exp.UniqueColumnConstraint) and isinstance(part.this, exp.Schema):
            columns = dict(_indexed(column) for column in part.this.expressions)
            table.add_unique(name or part.this.name, columns)

    def _remove(self, table: Table, action: Any) -> None:
        for node in action.args.get("tables") or [action.this]:
            if action.kind in {"INDEX", "KEY", "CONSTRAINT"}:
                table.keys.pop(node.name, None)
            elif action.kind == "COLUMN":
                table.columns.pop(node.name, None)
                for key in table.keys.values():
                    key.columns.pop(node.name, None)
                table.keys = {name: key for name, key in table.keys.items() if key.columns}

    def _rename(self, table: Table, old: Any, new: Any) -> None:
        if old is not None and old.name != new.name and old.name in table.columns:
            table.columns[new.name] = table.columns.pop(old.name)
            for key in table.keys.values():
                if old.name in key.columns:
                    key.columns[new.name] = key.columns.pop(old.name)

    def table(self, name: str) -> Table:
        """The table of that name; one that no migration created is assumed to be empty."""
        return self.tables.setdefault(name, Table())


def _indexed(part: Any) -> tuple[str, bool]:
    """A key's column, and whether only a prefix of it is indexed: `name(10)`."""
    if isinstance(part, exp.Ordered):
        return _indexed(part.this)
    if isinstance(part, exp.ColumnPrefix):
        return part.this.name, True
    if isinstance(part, exp.Anonymous):
        return part.name, True
    return part.name, False
