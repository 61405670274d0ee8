"""Where a migration gets its Python from: the models for what is new, the definitions for what was there."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import sqlalchemy as sa
import sqlglot

from kit.db.schema.column_types import type_of
from kit.db.schema.compare import CHARSET, COLLATION
from kit.db.schema.definitions import Check, Column, Table
from kit.db.schema.laptop import Laptop
from kit.db.schema.models import DIALECT, checks
from kit.db.schema.written import SQLITE, Both, canonical, compiled, escaped


class Source(Protocol):
    """What definitions leave open: types in Python, and how SQLite writes an expression."""

    def column(self, table: str, name: str, definition: Column) -> sa.Column[Any]:
        """The column with type, default and comment, in no table."""

    def default(self, table: str, name: str, definition: Column) -> Any:
        """The server's default in the form that an ALTER needs; `None` without one."""

    def condition(self, table: str, name: str, definition: Check) -> Any:
        """A check's expression."""

    def comes_with_type(self, table: str, definition: Check) -> bool:
        """Whether a column's type creates the check."""

    def key_clauses(self, table: str, name: str) -> Sequence[Any]:
        """The expressions of an index's parts; none if they are not known."""

    def key_options(self, table: str, name: str) -> dict[str, Any]:
        """More keyword arguments of an index."""

    def is_index(self, table: str, name: str) -> bool:
        """Whether a unique key is an index rather than a constraint; for SQLite they are not the same."""

    def table_options(self, table: str, definition: Table) -> dict[str, Any]:
        """The keyword arguments of a table."""


class Models:
    """The models' own columns, checks and indexes."""

    def __init__(self, metadata: Iterable[sa.MetaData]) -> None:
        self.tables = {table.name: table for each in metadata for table in each.tables.values()}

    def column(self, table: str, name: str, _: Column) -> sa.Column[Any]:
        """A copy of the model's column, without constraints."""
        column = self._column(table, name)
        arguments: list[Any] = []
        default: Any = column.server_default
        text: Any = default.arg if isinstance(default, sa.DefaultClause) else None
        if isinstance(default, sa.Computed):
            arguments.append(sa.Computed(default.sqltext, persisted=default.persisted))
        return sa.Column(
            column.name,
            column.type,
            *arguments,
            nullable=column.nullable,
            server_default=text,
            autoincrement=column.autoincrement,
            comment=column.comment,
            **column.dialect_kwargs,
        )

    def default(self, table: str, name: str, definition: Column) -> Any:
        """The model's default, with parentheses where it is an expression."""
        default: Any = self._column(table, name).server_default
        if not isinstance(default, sa.DefaultClause) or isinstance(default.arg, str):
            return default if isinstance(default, sa.DefaultClause) else None
        return _default(definition, compiled(default.arg, SQLITE))

    def condition(self, table: str, _: str, definition: Check) -> Any:
        """The expression of the model's check."""
        for check in checks(self.tables[table]):
            if canonical(for_mysql := compiled(check.sqltext, DIALECT)) == definition.expression:
                return Both(sqlite=compiled(check.sqltext, SQLITE), mysql=for_mysql)
        return Both(sqlite=definition.expression, mysql=definition.expression)

    def comes_with_type(self, table: str, definition: Check) -> bool:
        """Whether a Boolean or an Enum creates the check."""
        columns = [column for column in self.tables[table].columns if column.name in definition.columns]
        return len(columns) == 1 and bool(getattr(columns[0].type, "create_constraint", False))

    def key_clauses(self, table: str, name: str) -> Sequence[Any]:
        """The expressions of the model's index."""
        return next((list(index.expressions) for index in self.tables[table].indexes if index.name == name), [])

    def key_options(self, table: str, name: str) -> dict[str, Any]:
        """The options for databases, such as `sqlite_where`."""
        for index in self.tables[table].indexes:
            if index.name == name:
                known = {"mysql_length", "mysql_prefix"}
                return {
                    key: value for key, value in index.dialect_kwargs.items() if key not in known and value is not None
                }
        return {}

    def is_index(self, table: str, name: str) -> bool:
        """Whether the model has an index of that name."""
        return any(index.name == name for index in self.tables[table].indexes)

    def table_options(self, table: str, definition: Table) -> dict[str, Any]:
        """The model's options; character set and collation are the kit's unless it names its own."""
        model = self.tables[table]
        options: dict[str, Any] = dict(model.dialect_kwargs)
        if definition.collation is None and definition.charset in {None, CHARSET}:
            options |= {"mysql_charset": CHARSET, "mysql_collate": COLLATION}
        return options | ({"comment": model.comment} if model.comment else {})

    def _column(self, table: str, name: str) -> sa.Column[Any]:
        return next(column for column in self.tables[table].columns if column.name == name)


class Definitions:
    """Columns, checks and indexes made from their definitions, for downgrades."""

    def __init__(self, tables: Mapping[str, Table], laptop: Laptop) -> None:
        self.tables, self.laptop = tables, laptop

    def column(self, table: str, name: str, definition: Column) -> sa.Column[Any]:
        """A column of the same definition."""
        arguments: list[Any] = []
        primary = self.tables[table].keys["PRIMARY"].columns if "PRIMARY" in self.tables[table].keys else []
        if definition.computed:
            for_sqlite = self.laptop.table(table).computed.get(name, definition.computed)
            computed = Both(sqlite=for_sqlite, mysql=definition.computed)
            arguments.append(sa.Computed(computed, persisted=definition.stored))
        return sa.Column(
            name,
            type_of(definition),
            *arguments,
            nullable=definition.nullable,
            server_default=self._default(table, name, definition),
            autoincrement=definition.auto_increment if primary == [name] else "auto",
            comment=definition.comment or None,
        )

    def default(self, table: str, name: str, definition: Column) -> Any:
        """A default of the same definition."""
        default = self._default(table, name, definition)
        return None if default is None else sa.DefaultClause(default)

    def condition(self, table: str, name: str, definition: Check) -> Any:
        """An expression for both databases."""
        known = self.laptop.table(table)
        same = [text for text in known.unnamed_checks if canonical(text) == definition.expression]
        for_sqlite = known.checks.get(name, same[0] if same else definition.expression)
        return Both(sqlite=for_sqlite, mysql=definition.expression)

    def comes_with_type(self, _table: str, _definition: Check) -> bool:
        """No type of a definition has a check."""
        return False

    def key_clauses(self, table: str, name: str) -> Sequence[Any]:
        """The expressions of the index on SQLite."""
        sql = self.laptop.table(table).expression_indexes.get(name)
        if sql is None:
            return []
        parts = sqlglot.parse_one(sql, dialect="sqlite").this.args["params"].args["columns"]
        return [sa.text(escaped(part.this.sql("sqlite"))) for part in parts]

    def key_options(self, table: str, name: str) -> dict[str, Any]:
        """The parser of an index for words."""
        key = self.tables[table].keys.get(name)
        parser = key.options.removeprefix("WITH PARSER ") if key else ""
        return {"mysql_with_parser": parser} if parser else {}

    def is_index(self, table: str, name: str) -> bool:
        """Whether SQLite has an index of that name."""
        return name in self.laptop.table(table).indexes

    def table_options(self, _: str, definition: Table) -> dict[str, Any]:
        """The options of the same definition."""
        options: dict[str, Any] = {}
        if definition.charset:
            options["mysql_charset"] = definition.charset
        if definition.collation:
            options["mysql_collate"] = definition.collation
        for name, value in definition.options.items():
            options[f"mysql_{name.lower().replace(' ', '_')}"] = value.removeprefix("PARTITION BY ")
        return options | ({"comment": definition.comment} if definition.comment else {})

    def _default(self, table: str, name: str, definition: Column) -> Any:
        if definition.default is None:
            return None
        return _default(definition, self.laptop.table(table).defaults.get(name, definition.default)).arg


def _default(definition: Column, for_sqlite: str) -> Any:
    """The default for both databases; SQLite needs parentheses around an expression too."""
    text = definition.default or "NULL"
    if text.startswith("(") and not for_sqlite.startswith("("):
        for_sqlite = f"({for_sqlite})"
    for_sqlite = re.sub(r"\s+ON\s+UPDATE\s+.*", "", for_sqlite, flags=re.IGNORECASE)
    update = f" ON UPDATE {definition.on_update}" if definition.on_update else ""
    return sa.DefaultClause(Both(sqlite=for_sqlite, mysql=text + update))
