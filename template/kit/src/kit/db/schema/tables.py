"""What the tables look like after each statement."""

import copy
import re
from typing import Any

from sqlglot import exp

from kit.db.schema import columns
from kit.db.schema.columns import text_of
from kit.db.schema.definitions import Check, Column, ForeignKey, Key, KeyPart, Table
from kit.db.schema.parse import bare, is_conversion, parse

__all__ = ["Check", "Column", "ForeignKey", "Key", "KeyPart", "Table", "Tables"]

_WITHOUT_EFFECT = (
    r"INSERT|UPDATE|DELETE|REPLACE|TRUNCATE|WITH|SELECT|SET|ANALYZE|OPTIMIZE|DO|GRANT|REVOKE|LOCK|UNLOCK|FLUSH|USE|LOAD"
    r"|(CREATE|DROP|ALTER)\s+(DEFINER\s*=\s*\S+\s+)?(AGGREGATE\s+)?(OR\s+REPLACE\s+)?"
    r"(PROCEDURE|FUNCTION|TRIGGER|EVENT|DATABASE|SCHEMA|USER|ROLE|SERVER|TABLESPACE|TEMPORARY|VIEW)"
)
"""Statements that change no table's definition."""


class Tables:
    """All tables and views by name."""

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {}
        self.views: dict[str, set[str]] = {}
        self.unfollowed: list[str] = []
        """Statements that could not be followed, and whose table is not known either."""

    def apply_sql(self, sql: str) -> set[str]:
        """Apply a statement as text; one that cannot be followed is noted with its table. Returns as `apply` does."""
        tree = parse(sql)
        if tree is not None and not isinstance(tree, exp.Command):
            changed = self.apply(tree)
            for name in changed if isinstance(tree, exp.Alter) and is_conversion(sql) else ():
                for column in self.table(name).columns.values():
                    column.charset = column.collation = None
            partitions = re.search(r"\bPARTITION\s+BY\b.*", sql, re.IGNORECASE | re.DOTALL)
            for name in changed if partitions and "PARTITION" in bare(sql).upper() else ():
                self.table(name).options["PARTITION BY"] = " ".join(partitions[0].split()) if partitions else ""
            return changed
        if (
            renames := re.findall(r"([`\w.]+)\s+TO\s+([`\w.]+)", sql)
            if re.match(r"\s*RENAME\s+TABLE", sql, re.IGNORECASE)
            else []
        ):
            for old, new in renames:
                self.tables[_bare_name(new)] = self.tables.pop(_bare_name(old), Table())
            return {_bare_name(new) for _, new in renames}
        if re.match(rf"\s*({_WITHOUT_EFFECT})\b", bare(sql), re.IGNORECASE):
            return set()
        match = re.match(
            r"\s*(?:ALTER\s+TABLE|CREATE\s+TABLE(?:\s+IF\s+NOT\s+EXISTS)?"
            r"|(?:CREATE\s+(?:UNIQUE\s+|FULLTEXT\s+|SPATIAL\s+)?|DROP\s+)INDEX\s+\S+\s+ON)\s+([`\w.]+)",
            sql,
            re.IGNORECASE,
        )
        if match is None:
            self.unfollowed.append(sql)
            return set()
        name = _bare_name(match[1])
        self.table(name).unfollowed.append(sql)
        return {name}

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
            parts = [_part(column) for column in tree.this.args["params"].args["columns"]]
            self.table(name).keys[tree.this.name] = Key(parts, "UNIQUE" if tree.args.get("unique") else "INDEX")
            return {name}
        if tree.kind == "VIEW":
            name = tree.this.name
            self.views[name] = {table.name for table in tree.expression.find_all(exp.Table)}
            return {name}
        if tree.kind != "TABLE":
            return set()
        name = tree.find(exp.Table).name
        if tree.args.get("exists") and name in self.tables:
            return {name}
        if like := tree.find(exp.LikeProperty):
            self.tables[name] = copy.deepcopy(self.table(like.this.name))
            return {name}
        table = self.tables[name] = Table()
        if isinstance(tree.this, exp.Schema):
            for part in tree.this.expressions:
                self._add(name, table, part)
        if tree.expression is not None:  # CREATE TABLE … AS SELECT
            table.unfollowed.append(tree.sql("mysql"))
        if properties := tree.args.get("properties"):
            self._set_options(table, properties.expressions)
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
        self._set_options(table, tree.args.get("options") or ())
        for action in tree.args.get("actions") or ():
            if isinstance(action, exp.AddConstraint):
                for part in action.expressions:
                    self._add(name, table, part)
            elif isinstance(action, exp.ModifyColumn):
                self._rename(table, action.args.get("rename_from"), action.this.this)
                self._add(name, table, action.this)
            elif isinstance(action, exp.RenameColumn):
                self._rename(table, action.this, action.args["to"])
            elif isinstance(action, exp.RenameIndex):
                table.keys = {
                    action.args["to"].name if key == action.this.name else key: definition
                    for key, definition in table.keys.items()
                }
            elif isinstance(action, exp.AlterColumn) and action.name in table.columns:
                self._alter_column(table, action)
            elif isinstance(action, exp.DropPrimaryKey):
                table.keys.pop("PRIMARY", None)
            elif isinstance(action, exp.Drop):
                self._remove(table, action)
            elif isinstance(action, exp.AlterRename):
                self.tables[action.this.name] = self.tables.pop(name)
                name = action.this.name
            elif isinstance(action, exp.ColumnDef):
                self._add(name, table, action)
            else:
                table.unfollowed.append(tree.sql("mysql"))
        return {name}

    def _alter_column(self, table: Table, action: Any) -> None:
        column = table.columns[action.name]
        if action.args.get("default"):
            column.default = columns.default(column, action.args["default"])
        elif action.args.get("drop"):
            column.default = None
        else:
            table.unfollowed.append(action.sql("mysql"))

    def _set_options(self, table: Table, properties: Any) -> None:
        for option in properties:
            if isinstance(option, exp.CharacterSetProperty):
                table.charset, table.collation = option.this.name.lower(), None
        for option in properties:
            if isinstance(option, exp.CollateProperty):
                table.collation = option.this.name.lower()
                table.charset = table.collation.partition("_")[0]
            elif isinstance(option, exp.SchemaCommentProperty):
                table.comment = option.this.name
            elif isinstance(option, exp.EngineProperty):
                table.options["ENGINE"] = option.this.name.upper()
            elif not isinstance(option, exp.CharacterSetProperty | exp.AutoIncrementProperty | exp.LikeProperty):
                name, _, value = option.sql("mysql").partition("=")
                if name.upper() not in {"ALGORITHM", "LOCK"}:  # how it is changed, not what it becomes
                    table.options[name.upper()] = value

    def _add(self, name: str, table: Table, part: Any) -> None:
        if isinstance(part, exp.Constraint):
            for inner in part.expressions:
                self._add_key(name, table, inner, part.name)
        elif isinstance(part, exp.ColumnDef):
            column, kinds = columns.definition(part)
            table.columns[part.name] = column
            for kind in kinds:
                if isinstance(kind, exp.PrimaryKeyColumnConstraint):
                    table.keys["PRIMARY"] = Key([KeyPart(part.name)], "PRIMARY")
                elif isinstance(kind, exp.UniqueColumnConstraint):
                    table.add_key("", Key([KeyPart(part.name)], "UNIQUE"))
                elif isinstance(kind, exp.CheckColumnConstraint):
                    self._add_key(name, table, kind, "")
                elif isinstance(kind, exp.Reference):  # a foreign key since MySQL 9, before that nothing
                    table.unfollowed.append(part.sql("mysql"))
            if columns.is_serial(part):
                table.add_key("", Key([KeyPart(part.name)], "UNIQUE"))
            table.make_primary_not_null()
        else:
            self._add_key(name, table, part, "")

    def _add_key(self, table_name: str, table: Table, part: Any, name: str) -> None:
        if isinstance(part, exp.PrimaryKey):
            table.keys["PRIMARY"] = Key([_part(column) for column in part.expressions], "PRIMARY")
            table.make_primary_not_null()
        elif isinstance(part, exp.UniqueColumnConstraint) and isinstance(part.this, exp.Schema):
            parts = [_part(column) for column in part.this.expressions]
            table.add_key(name or part.this.name, Key(parts, "UNIQUE", _options(part)))
        elif isinstance(part, exp.IndexColumnConstraint):
            kind = str(part.args.get("kind") or "INDEX").upper()
            table.add_key(name or part.name, Key([_part(column) for column in part.expressions], kind, _options(part)))
        elif isinstance(part, exp.CheckColumnConstraint):
            used = frozenset(column.name for column in part.find_all(exp.Column))
            chosen = name or _generated(table.checks, f"{table_name}_chk_")
            table.checks[chosen] = Check(text_of(part.this), used, generated_name=not name)
        elif isinstance(part, exp.ForeignKey):
            chosen = name or _generated(table.foreign_keys, f"{table_name}_ibfk_")
            table.foreign_keys[chosen] = _foreign_key(part, generated_name=not name)
        else:
            table.unfollowed.append(part.sql("mysql"))

    def _remove(self, table: Table, action: Any) -> None:
        for node in action.args.get("tables") or [action.this]:
            if action.kind == "COLUMN":
                self._remove_column(table, node.name)
            elif action.kind in {"INDEX", "KEY"}:
                table.keys.pop(node.name, None)
            else:  # CHECK, FOREIGN KEY or CONSTRAINT, which may be any of them
                for group in (table.checks, table.foreign_keys, table.keys):
                    if group.pop(node.name, None):
                        break

    def _remove_column(self, table: Table, name: str) -> None:
        table.columns.pop(name, None)
        for key in table.keys.values():
            key.parts = [part for part in key.parts if part.column != name]
        table.keys = {key: definition for key, definition in table.keys.items() if definition.parts}
        table.checks = {check: one for check, one in table.checks.items() if one.columns != {name}}

    def _rename(self, table: Table, old: Any, new: Any) -> None:
        if old is not None and old.name != new.name and old.name in table.columns:
            table.columns = {new.name if name == old.name else name: column for name, column in table.columns.items()}
            for key in table.keys.values():
                key.parts = [
                    KeyPart(new.name, "", part.length, part.descending) if part.column == old.name else part
                    for part in key.parts
                ]

    def table(self, name: str) -> Table:
        """The table of that name; one that no migration created is assumed to be empty."""
        return self.tables.setdefault(name, Table())


def _part(node: Any) -> KeyPart:
    """A part of a key: `name`, `name(10)`, `(lower(name))`, each perhaps with `DESC`."""
    if isinstance(node, exp.Ordered):
        part = _part(node.this)
        return KeyPart(part.column, part.expression, part.length, bool(node.args.get("desc")))
    if isinstance(node, exp.ColumnPrefix):
        return KeyPart(node.this.name, length=int(node.expression.name))
    if isinstance(node, exp.Anonymous):  # sqlglot takes `name(10)` for a function in some places
        return KeyPart(node.name, length=int(node.expressions[0].name))
    if isinstance(node, exp.Paren):
        return KeyPart("", text_of(node))
    if isinstance(node, exp.Column | exp.Identifier):
        return KeyPart(node.name)
    return KeyPart("", text_of(node))


def _options(key: Any) -> str:
    """A key's options that models have too; its comment and visibility are not among them."""
    parsers = [option.args.get("parser") for option in key.args.get("options") or ()]
    return next((f"WITH PARSER {parser.name}" for parser in parsers if parser is not None), "")


def _foreign_key(part: Any, *, generated_name: bool) -> ForeignKey:
    reference = part.args["reference"]
    actions = {"DELETE": "", "UPDATE": ""}
    for option in reference.args.get("options") or ():
        if match := re.match(r"ON (DELETE|UPDATE) (.*)", str(option), re.IGNORECASE):
            action = match[2].upper()
            actions[match[1].upper()] = "" if action in {"NO ACTION", "RESTRICT"} else action
    return ForeignKey(
        [column.name for column in part.expressions],
        reference.find(exp.Table).name,
        [column.name for column in reference.this.expressions],
        actions["DELETE"],
        actions["UPDATE"],
        generated_name,
    )


def _generated(taken: dict[str, Any], prefix: str) -> str:
    """The name that MySQL gives to a constraint without one: a number above the highest that is in use."""
    numbers = [int(name.removeprefix(prefix)) for name in taken if re.fullmatch(re.escape(prefix) + r"\d+", name)]
    return f"{prefix}{max(numbers, default=0) + 1}"


def _bare_name(name: str) -> str:
    return name.replace("`", "").rpartition(".")[2]
