"""How a migration's file says what Alembic has no words for: expressions per database, and a table that is changed.

`render_item` is the hook that `alembic.autogenerate` calls for each type, default and check.
"""

import re
from typing import Any

from alembic.autogenerate import renderers
from alembic.operations import ops
from sqlalchemy import CheckConstraint, Computed, DefaultClause, TextClause
from sqlalchemy.dialects import sqlite

from kit.db import types
from kit.db.schema import columns
from kit.db.schema.definitions import KeyPart
from kit.db.schema.models import DIALECT
from kit.db.schema.parse import parse

SQLITE: Any = sqlite.dialect(paramstyle="named")
"""SQLite without a database."""


class Both(TextClause):
    """SQL for both databases, where it can differ."""

    def __init__(self, sqlite: str, mysql: str) -> None:
        super().__init__(escaped(sqlite))
        self.sqlite, self.mysql = sqlite, mysql


class Code(str):
    """Python that is written as it is."""

    def __repr__(self) -> str:
        return str(self)


class Batch(ops.ModifyTableOps):
    """Changes of a table that SQLite makes by copying it; `arguments` are those of `batch_alter_table`."""

    def __init__(self, table_name: str, operations: list[Any], **arguments: Any) -> None:
        super().__init__(table_name, operations)
        self.arguments = arguments


class CreateCheck(ops.CreateCheckConstraintOp):
    """A check inside of a batch."""


class CreateIndex(ops.MigrateOperation):
    """An index; its parts are the Python expressions for them."""

    def __init__(
        self, name: str, table: str, parts: list[str | tuple[KeyPart, Any]], unique: bool, options: dict[str, Any]
    ) -> None:
        self.name, self.table, self.parts, self.unique, self.options = name, table, parts, unique, options


class ForDatabase(ops.MigrateOperation):
    """Operations for one database alone."""

    def __init__(self, dialect: str, operations: list[Any], reason: str = "") -> None:
        self.dialect, self.operations, self.reason = dialect, operations, reason


class CreatePrimaryKey(ops.MigrateOperation):
    """A primary key inside of a batch."""

    def __init__(self, name: str, columns: list[str]) -> None:
        self.name, self.columns = name, columns


class Execute(ops.MigrateOperation):
    """A statement as it is."""

    def __init__(self, sql: str) -> None:
        self.sql = sql


@renderers.dispatch_for(Batch)
def _batch(context: Any, operation: Batch) -> list[str]:
    plain = ops.ModifyTableOps(operation.table_name, operation.ops)
    arguments = "".join(f", {name}={value!r}" for name, value in operation.arguments.items())
    block = f"with op.batch_alter_table({operation.table_name!r}{arguments}) as batch_op:"
    if not operation.ops:
        return [block.replace(" as batch_op", ""), "pass", ""]
    _, *lines = renderers.dispatch(plain)(context, plain)
    return [block, *lines]


@renderers.dispatch_for(CreateCheck)
def _check(context: Any, operation: CreateCheck) -> str:
    condition = expression(operation.condition, context)
    return f"batch_op.create_check_constraint({operation.constraint_name!r}, {condition})"


@renderers.dispatch_for(CreatePrimaryKey)
def _primary_key(_context: Any, operation: CreatePrimaryKey) -> str:
    return f"batch_op.create_primary_key({operation.name!r}, {operation.columns!r})"


@renderers.dispatch_for(CreateIndex)
def _index(context: Any, operation: CreateIndex) -> str:
    parts = [repr(part) if isinstance(part, str) else part_of_key(*part, context) for part in operation.parts]
    options = [f"{name}={_option(value, context)}" for name, value in operation.options.items()]
    arguments = [repr(operation.name), repr(operation.table), f"[{', '.join(parts)}]"]
    return f"op.create_index({', '.join([*arguments, f'unique={operation.unique!r}', *options])})"


@renderers.dispatch_for(ForDatabase)
def _for_database(context: Any, operation: ForDatabase) -> list[str]:
    reason = f"  # {operation.reason}" if operation.reason else ""
    lines = [f"if op.get_context().dialect.name == {operation.dialect!r}:{reason}"]
    for each in operation.operations:
        rendered = renderers.dispatch(each)(context, each)
        lines += [rendered] if isinstance(rendered, str) else rendered
    return [*lines, ""]  # Alembic indents by the colon, and back at an empty line


@renderers.dispatch_for(Execute)
def _execute(_context: Any, operation: Execute) -> str:
    return f"op.execute({escaped(operation.sql)!r})"


def render_item(kind: str, item: Any, context: Any) -> Any:
    """Write types of the kit by their short name, and expressions for each database; `False` leaves it to Alembic."""
    if kind == "type":
        return _type(item, context)
    if kind == "server_default" and isinstance(item, Computed):
        persisted = "" if item.persisted is None else f", persisted={item.persisted}"
        return f"sa.Computed({expression(item.sqltext, context)}{persisted})"
    if kind == "server_default" and isinstance(item, DefaultClause):
        return repr(item.arg) if isinstance(item.arg, str) else expression(item.arg, context, wrapped="sa.text")
    if kind == "check" and isinstance(item, CheckConstraint) and isinstance(item.sqltext, Both):
        name = f", name={str(item.name)!r}" if isinstance(item.name, str) else ""
        return f"sa.CheckConstraint({expression(item.sqltext, context)}{name})"
    return False


def expression(clause: Any, context: Any, *, wrapped: str = "") -> str:
    """The Python expression for SQL: text, or `per_database` if the databases write it differently."""
    if isinstance(clause, Both):
        for_sqlite, for_mysql = clause.sqlite, clause.mysql
    else:
        for_sqlite, for_mysql = compiled(clause, SQLITE), compiled(clause, DIALECT)
    if for_sqlite == for_mysql or canonical(for_sqlite) == canonical(for_mysql):
        text = repr(escaped(for_sqlite))
        return f"{wrapped}({text})" if wrapped else text
    return _per_database(for_sqlite, for_mysql, context)


def part_of_key(part: KeyPart, clause: Any, context: Any) -> str:
    """The Python expression for a part of an index that is more than a column."""
    descending = " DESC" if part.descending else ""
    if part.column:
        return f"sa.text({escaped(part.column + descending)!r})"
    for_sqlite = compiled(clause, SQLITE) if clause is not None else part.expression
    for_sqlite = re.sub(r"\s+(DESC|ASC)\s*$", "", for_sqlite, flags=re.IGNORECASE)
    if canonical(for_sqlite) == part.expression:
        inner = for_sqlite if re.fullmatch(r"\([^()]*(\([^()]*\)[^()]*)*\)", for_sqlite) else f"({for_sqlite})"
        return f"sa.text({escaped(inner + descending)!r})"
    return _per_database(f"({for_sqlite}){descending}", f"({part.expression}){descending}", context)


def compiled(clause: Any, dialect: Any) -> str:
    """An expression as a database's text."""
    return str(clause.compile(dialect=dialect, compile_kwargs={"literal_binds": True, "include_table": False}))


def canonical(sql: str) -> str:
    """An expression as MySQL understands it, without its own way of writing it; the text itself if it can't be."""
    tree = parse(f"SELECT {sql}")
    return columns.text_of(tree.expressions[0]) if tree is not None and tree.expressions else sql


def _per_database(for_sqlite: str, for_mysql: str, context: Any) -> str:
    context.imports.add("from kit.db.per_database import per_database")
    return f"per_database(sqlite={escaped(for_sqlite)!r}, mysql={escaped(for_mysql)!r})"


def _type(item: Any, context: Any) -> Any:
    """Write the kit's types by their short name; Alembic writes others in full, so their module is imported."""
    cls = type(item)
    if cls.__name__ in types.__all__ and getattr(types, cls.__name__) is cls:
        context.imports.add(f"from {types.__name__} import {cls.__name__}")
        return repr(item)
    if not cls.__module__.startswith("sqlalchemy."):
        context.imports.add(f"import {cls.__module__}")
    return False


def _option(value: Any, context: Any) -> str:
    return expression(value, context, wrapped="sa.text") if hasattr(value, "compile") else repr(value)


def escaped(sql: str) -> str:
    """Text for `sa.text`, which takes `:name` for a parameter."""
    return re.sub(r"(?<![:\w\\]):(?=\w)", r"\\:", sql)
