"""What tables on MySQL consist of, as lines of text that can be compared with a live database's.

Expressions of checks, defaults and computed columns are left out: MySQL keeps them in words of its own.
"""

from kit.db.schema.definitions import TEXTS, Column, Key, Table
from kit.db.schema.tables import Tables

DEFAULT_COLLATIONS = {"utf8mb4": "utf8mb4_0900_ai_ci", "utf8mb3": "utf8mb3_general_ci", "latin1": "latin1_swedish_ci"}
"""MySQL's collation of a character set alone."""


def of_tables(tables: Tables, default_collation: str) -> dict[str, dict[str, str]]:
    """Return for each table its parts: `column text` → `VARCHAR(280) NOT NULL COLLATE utf8mb4_0900_ai_ci`.

    default_collation: the database's, for tables that name none.
    """
    return {name: _table(table, default_collation) for name, table in tables.tables.items()}


def _table(table: Table, default_collation: str) -> dict[str, str]:
    collation = _collation(table.charset, table.collation) or default_collation
    parts = {f"column {name}": _column(column, collation) for name, column in table.columns.items()}
    parts |= {f"check {name}": "" for name in table.checks}
    for foreign in table.foreign_keys.values():
        actions = [f"ON DELETE {foreign.on_delete}"] if foreign.on_delete else []
        actions += [f"ON UPDATE {foreign.on_update}"] if foreign.on_update else []
        referred = f"REFERENCES {foreign.table} ({', '.join(foreign.referred)})"
        parts[f"foreign key ({', '.join(foreign.columns)})"] = " ".join([referred, *actions])
    made_for_foreign_keys = [foreign.columns for foreign in table.foreign_keys.values()]
    for name, key in table.keys.items():
        if key.unique or key.columns not in made_for_foreign_keys:
            parts["primary key" if name == "PRIMARY" else f"index {name}"] = _key(key)
    return parts


def _column(column: Column, table_collation: str) -> str:
    words = [column.sql_type, "NULL" if column.nullable else "NOT NULL"]
    if column.default is not None:
        words.append("DEFAULT (…)" if column.default.startswith("(") else f"DEFAULT {column.default}")
    words += ["AUTO_INCREMENT"] if column.auto_increment else []
    words += ["GENERATED"] if column.computed else []
    if column.type in TEXTS:
        words.append(f"COLLATE {_collation(column.charset, column.collation) or table_collation}")
    return " ".join(words)


def _collation(charset: str | None, collation: str | None) -> str | None:
    return collation or DEFAULT_COLLATIONS.get(charset or "")


def _key(key: Key) -> str:
    parts = [
        (part.column or "(expression)")
        + (f"({part.length})" if part.length else "")
        + (" DESC" if part.descending else "")
        for part in key.parts
    ]
    unique = "UNIQUE " if key.kind == "UNIQUE" else ""
    return f"{unique}({', '.join(parts)})"
