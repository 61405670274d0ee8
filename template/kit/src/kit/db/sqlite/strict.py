"""Triggers that refuse and change on SQLite what MySQL refuses and changes, whoever writes.

They are made from the models after each migration, and removed while migrations run. A value that MySQL would change
is changed in the same way; a value that it refuses is refused with an error that names table, column and limit.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Column, Connection, MetaData, Table, inspect
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import CompileError

from kit.db.sqlite import ids
from kit.db.sqlite.rules import column as column_rules
from kit.db.sqlite.rules.rule import Rule

MARKER = "kit_strict: "
"""How the triggers' messages begin, so that `kit.db.sqlite.cursor` knows them."""
_PREFIX = "kit_strict_"
_MYSQL = mysql.dialect()


@contextmanager
def suspended(connection: Connection, *metadata: MetaData) -> Iterator[None]:
    """Remove the triggers for a block of migrations, and create them for these tables at its end; nothing on MySQL."""
    if connection.dialect.name != "sqlite":
        yield
        return
    _drop(connection)
    last = ids.last_used(connection)
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()  # what a failed migration has left
        ids.restore(connection, last)
        create(connection, *metadata)
        connection.commit()


def create(connection: Connection, *metadata: MetaData) -> None:
    """Create the triggers for the tables and columns that the database has."""
    _drop(connection)
    tables = set(inspect(connection).get_table_names())
    for table in [table for each in metadata for table in each.tables.values()]:
        if table.name in tables and table.schema is None:
            existing = {column["name"] for column in inspect(connection).get_columns(table.name)}
            for statement in triggers(table, existing):
                connection.exec_driver_sql(statement)


def _drop(connection: Connection) -> None:
    query = f"SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE '{_PREFIX}%'"  # noqa: S608
    for name in connection.exec_driver_sql(query).scalars().all():
        connection.exec_driver_sql(f"DROP TRIGGER {_quoted(name)}")


def triggers(table: Table, existing: set[str]) -> Iterator[str]:
    """Yield the statements that create a table's triggers, for those of its columns that exist."""
    columns = {column: rule for column in table.columns if column.name in existing and (rule := _rule(column))}
    if not columns:
        return
    for event, changed in (("INSERT", ""), ("UPDATE", "{v} IS NOT {old} AND ")):
        gate, refusals, changes = [], [], []
        for column, rule in columns.items():
            value, old = f"NEW.{_quoted(column.name)}", f"OLD.{_quoted(column.name)}"
            applies = changed.format(v=value, old=old)
            gate.append(f"{applies}({rule.suspicious.format(v=value)})")
            for condition, reason in rule.refused:
                message = f"{MARKER}{table.name}.{column.name} {reason}"
                refusals.append(f"WHEN {applies}({condition.format(v=value)}) THEN RAISE(ABORT, {_literal(message)})")
            if rule.stored != "{v}":
                stored = rule.stored.format(v=value)
                changes.append(f"{_quoted(column.name)} = CASE WHEN {gate[-1]} THEN {stored} ELSE {value} END")
        name = _quoted(f"{_PREFIX}{table.name}_{event.lower()}")
        update = f"UPDATE {_quoted(table.name)} SET {', '.join(changes)} WHERE {_same_row(table)};"  # noqa: S608
        yield (
            f"CREATE TRIGGER {name} AFTER {event} ON {_quoted(table.name)} WHEN {' OR '.join(gate)} "
            f"BEGIN SELECT CASE {' '.join(refusals)} END; {update if changes else ''} END"
        )


def _rule(column: Column[object]) -> Rule | None:
    if column.computed is not None:
        return None
    try:
        rule = column_rules.of(column.type.compile(dialect=_MYSQL))
    except CompileError:  # MySQL doesn't have this type; the linter says so
        return None
    if rule and column is column.table.autoincrement_column:
        zero = ("{v} = 0", "is 0, for which MySQL generates a key")
        rule = rule._replace(suspicious=f"{rule.suspicious} OR {zero[0]}", refused=[*rule.refused, zero])
    return rule


def _same_row(table: Table) -> str:
    keys = [_quoted(column.name) for column in table.primary_key] or ["rowid"]
    return " AND ".join(f"{key} IS NEW.{key}" for key in keys)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
