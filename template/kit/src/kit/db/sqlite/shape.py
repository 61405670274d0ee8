"""What the tables of a SQLite file consist of, as lines of text that can be compared.

The pragmas don't tell a column's collation or a check, so those are read from the statement that created the table.
"""

import re

from sqlalchemy import Connection, inspect


def read(connection: Connection) -> dict[str, dict[str, str]]:
    """Return for each table and view its parts: `column text` → `VARCHAR(280) NOT NULL`."""
    statements = connection.exec_driver_sql(
        "SELECT type, name, sql FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
    ).all()
    return {
        name: _table(connection, name, sql) if kind == "table" else {"definition": " ".join(sql.split())}
        for kind, name, sql in statements
    }


def _table(connection: Connection, name: str, sql: str) -> dict[str, str]:
    parts = _columns(connection, name, sql) | _indexes(connection, name)
    for check in inspect(connection).get_check_constraints(name):
        parts[f"check {check['name'] or check['sqltext']}"] = check["sqltext"]
    for row in connection.exec_driver_sql(f"PRAGMA foreign_key_list({_quoted(name)})").mappings():
        parts[f"foreign key {row['from']}"] = f"REFERENCES {row['table']} ({row['to']}) ON DELETE {row['on_delete']}"
    return parts


def _columns(connection: Connection, name: str, sql: str) -> dict[str, str]:
    collations = dict(
        re.findall(r"^\s*[\"`]?(\w+)[\"`]?\s[^,\n]*?\bCOLLATE\s+[\"`]?(\w+)", sql, re.MULTILINE | re.IGNORECASE)
    )
    columns = {}
    for row in connection.exec_driver_sql(f"PRAGMA table_xinfo({_quoted(name)})").mappings():
        words = [row["type"].upper(), "NOT NULL" if row["notnull"] or row["pk"] else "NULL"]
        words += [f"DEFAULT {row['dflt_value']}"] if row["dflt_value"] is not None else []
        words += ["PRIMARY KEY"] if row["pk"] else []
        words += ["GENERATED"] if row["hidden"] else []
        words += [f"COLLATE {collations[row['name']]}"] if row["name"] in collations else []
        columns[f"column {row['name']}"] = " ".join(words)
    return columns


def _indexes(connection: Connection, name: str) -> dict[str, str]:
    indexes = {}
    for row in connection.exec_driver_sql(f"PRAGMA index_list({_quoted(name)})").mappings():
        columns = connection.exec_driver_sql(f"PRAGMA index_xinfo({_quoted(row['name'])})").mappings()
        listed = ", ".join(
            (column["name"] or "(expression)") + (" DESC" if column["desc"] else "")
            for column in columns
            if column["key"]
        )
        unique = "UNIQUE " if row["unique"] else ""
        named = row["origin"] == "c"  # others are made by SQLite for UNIQUE and PRIMARY KEY
        if row["origin"] != "pk":
            indexes[f"index {row['name']}" if named else f"unique key ({listed})"] = f"{unique}({listed})"
    return indexes


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
