"""Indexes and keys."""

from collections.abc import Iterator, Mapping

from kit.db.mysql.rules import sizes
from kit.db.mysql.rules.expressions import LONGEST_TEXT, text_length
from kit.db.mysql.rules.message import refused
from kit.db.mysql.rules.types import width
from kit.db.schema.definitions import TEXTS, Column, Key, KeyPart, Table
from kit.db.schema.problem import Problem

_MAX_BYTES = 3072
_MAX_KEYS, _MAX_PARTS = 64, 16
_STRINGS = {"CHAR", "VARCHAR", "BINARY", "VARBINARY"}
_TINY = {"TINYTEXT", "TINYBLOB"}
_GEOMETRIES = {
    *("GEOMETRY", "POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON"),
    "GEOMETRYCOLLECTION",
}


def of_table(name: str, table: Table, existing: Mapping[str, Key]) -> Iterator[Problem]:
    """Problems of the table's keys; `existing` are those that it had before."""
    if len(table.keys) > _MAX_KEYS:
        yield refused(1069, f"{name} has {len(table.keys)} indexes")
    for key_name, key in table.keys.items():
        label = f"the primary key of {name}" if key.kind == "PRIMARY" else f"the index {key_name} of {name}"
        yield from _of_key(label, key, table, is_new=existing.get(key_name) != key)
    automatic = [column for column, one in table.columns.items() if one.auto_increment]
    first = {key.parts[0].column.lower() for key in table.keys.values() if key.parts and key.kind != "FULLTEXT"}
    if len(automatic) > 1 or any(column.lower() not in first for column in automatic):
        yield refused(1075, f"{name} has AUTO_INCREMENT at {', '.join(automatic)}, not one column that begins a key")
    for column in automatic:
        if table.columns[column].type not in {"TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT"}:
            yield refused(1063, f"{name}.{column} is {table.columns[column].type}, and has AUTO_INCREMENT")


def _of_key(label: str, key: Key, table: Table, *, is_new: bool) -> Iterator[Problem]:
    if len(key.parts) > _MAX_PARTS:
        yield refused(1070, f"{label} has {len(key.parts)} columns")
    names = [part.column.lower() for part in key.parts if part.column]
    for twice in sorted({one for one in names if names.count(one) > 1}):
        yield refused(1060, f"{label} has the column {twice} twice")
    columns = {column.lower(): definition for column, definition in table.columns.items()}
    total: int | None = 0
    for part in key.parts:
        if part.expression:
            length = text_length(part.expression, table)
            total = None if length is None or length > LONGEST_TEXT or total is None else total + length * 4
            continue
        column = columns.get(part.column.lower())
        if column is None:
            yield refused(1072, f"{label} names the column {part.column}, which does not exist")
            return
        if problem := _of_part(label, key, part, column, is_new):
            yield problem
            return
        if key.kind in {"FULLTEXT", "SPATIAL"}:
            return
        size = _size(part, column, table)
        limit = 255 if column.type in _TINY else _MAX_BYTES
        if size > limit:
            yield refused(1071, f"{label} takes {size:,} bytes for {part.column}")
            return
        total = None if total is None else total + size
    if total is not None and total > _MAX_BYTES:
        yield refused(1071, f"{label} takes {total:,} bytes")


def _of_part(label: str, key: Key, part: KeyPart, column: Column, is_new: bool) -> Problem | None:
    what = f"{label} has {part.column}, which is {column.sql_type}"
    if key.kind == "FULLTEXT":
        text = column.type in TEXTS - {"ENUM", "SET"}
        return None if text else refused(1283, what)
    if column.type in _GEOMETRIES or key.kind == "SPATIAL":
        if column.type not in _GEOMETRIES:
            return refused(1687, what)
        return refused(1252, f"{what} and nullable") if column.nullable else None
    if column.type == "JSON":
        return refused(3152, what)
    if part.length == 0:
        return refused(1391, f"{label} has no character of {part.column}")
    if column.blob:
        return refused(1170, what) if part.length is None else None
    too_long = part.length is not None and (column.type not in _STRINGS or part.length > (column.length or 0))
    if too_long and is_new:  # of an index that exists, MySQL takes the whole of a column that was shortened
        return refused(1089, f"{label} has {part.length} characters of {part.column}, which is {column.sql_type}")
    return None


def _size(part: KeyPart, column: Column, table: Table) -> int:
    if column.blob:
        return (part.length or 0) * (width(column, table) if column.type in TEXTS else 1)
    whole = sizes.content(column, table)
    return (
        whole
        if part.length is None
        else min(whole, part.length * (width(column, table) if column.type in TEXTS else 1))
    )
