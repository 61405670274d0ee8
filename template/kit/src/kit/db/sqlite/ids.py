"""Ids that are not used again after their row is deleted, as MySQL's are not."""

from typing import Any

from sqlalchemy import Column, Connection
from sqlalchemy.dialects.sqlite.base import SQLiteDDLCompiler


class DDLCompiler(SQLiteDDLCompiler):
    """Adds AUTOINCREMENT to integer primary keys; tables that exist already get it when a migration copies them.

    Source: sqlite.org/autoinc.html
    """

    def get_column_specification(self, column: Column[Any], **kwargs: Any) -> str:
        table = column.table
        is_id = column is table.autoincrement_column and len(table.primary_key) == 1 and not column.foreign_keys
        if is_id and self.dialect.type_compiler_instance.process(column.type) == "INTEGER":
            table.dialect_options["sqlite"]["autoincrement"] = True
        return super().get_column_specification(column, **kwargs)  # type: ignore[no-untyped-call, no-any-return]


def last_used(connection: Connection) -> dict[str, int]:
    """Return the last id of each table that has AUTOINCREMENT."""
    exists = "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'"
    if not connection.exec_driver_sql(exists).first():
        return {}
    return {name: last for name, last in connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence")}


def restore(connection: Connection, last: dict[str, int]) -> None:
    """Go on after these ids: a table that a migration has copied would go on after the ids that it still has."""
    for name, number in last.items():
        statement = "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?"
        if not connection.exec_driver_sql(statement, (number, name)).rowcount:
            statement = "INSERT INTO sqlite_sequence (seq, name) SELECT ?, name FROM sqlite_master WHERE name = ?"
            connection.exec_driver_sql(statement, (number, name))
