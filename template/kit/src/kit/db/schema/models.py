"""The tables that the models declare, as MySQL would create them."""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import CheckConstraint, MetaData
from sqlalchemy import Table as SqlTable
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import CompileError
from sqlalchemy.schema import AddConstraint, CreateIndex, CreateTable

from kit.db.schema.tables import Tables
from kit.errors import UsageError

DIALECT: Any = mysql.dialect(paramstyle="named")
"""MySQL without a server. A dialect whose parameters are `%s` would double each percent sign."""


def declared(metadata: Iterable[MetaData]) -> Tables:
    """The tables of all metadata; raises `UsageError` for what MySQL cannot have."""
    tables = Tables()
    for each in metadata:
        for table in each.tables.values():
            for sql in statements(table):
                tables.apply_sql(sql)
    return tables


def statements(table: SqlTable) -> Iterator[str]:
    """The statements that create a table and its indexes on MySQL."""
    if table.schema:
        raise UsageError(
            f"The table {table.name} has schema={table.schema!r}. On MySQL a schema is another database, which the app "
            "may not use (error 1142), and SQLite has none. Put it into the table's name, such as "
            f"{table.schema}_{table.name}."
        )
    try:
        yield str(CreateTable(table).compile(dialect=DIALECT))
        for constraint in table.foreign_key_constraints:
            if constraint.use_alter:
                yield str(AddConstraint(constraint, isolate_from_table=False).compile(dialect=DIALECT))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            yield str(CreateIndex(index).compile(dialect=DIALECT))
    except CompileError as error:
        raise UsageError(f"MySQL cannot have the table {table.name}: {error}") from error


def checks(table: SqlTable) -> Iterator[CheckConstraint]:
    """The check constraints of a table and of its columns."""
    for constraint in table.constraints:
        if isinstance(constraint, CheckConstraint):
            yield constraint
    for column in table.columns:
        for given in column.constraints:
            if isinstance(given, CheckConstraint):
                yield given
