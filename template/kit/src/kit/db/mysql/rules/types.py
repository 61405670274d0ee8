"""A column's type: how long, how precise, with which members."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from sqlglot import exp

from kit.db.mysql.rules.message import refused
from kit.db.schema.definitions import Column, Table
from kit.db.schema.parse import bare
from kit.db.schema.problem import Problem

BYTES_PER_CHARACTER = {"utf8mb4": 4, "utf8mb3": 3, "utf8": 3, "latin1": 1, "ascii": 1, "binary": 1}
"""By character set, for the longest character; of PlanetScale's."""
_ELSEWHERE = {
    *("BIGSERIAL", "BPCHAR", "BYTEA", "CIDR", "CITEXT", "CLOB", "DATETIME2", "DATETIMEOFFSET", "HSTORE", "INET"),
    *("INTERVAL", "JSONB", "MACADDR", "MONEY", "NCLOB", "NTEXT", "NUMBER", "NVARCHAR2", "SMALLMONEY", "SMALLSERIAL"),
    *("STRING", "TIMESTAMPTZ", "TIMETZ", "TSVECTOR", "UNIQUEIDENTIFIER", "UUID", "VARCHAR2", "XML"),
}
"""Types of other databases, which MySQL doesn't know."""
_MAX_DIGITS, _MAX_SCALE, _MAX_WIDTH, _MAX_FRACTION = 65, 30, 255, 6
_INTEGERS = {"TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT"}


def charset(column: Column, table: Table) -> str:
    """The column's character set."""
    return column.charset or table.charset or "utf8mb4"


def collation(column: Column, table: Table) -> str:
    """The column's collation; the default one of its character set has no name here but `_ci`."""
    if column.collation or column.charset:
        return column.collation or f"{column.charset}_ci"
    return table.collation or f"{charset(column, table)}_ci"


def width(column: Column, table: Table) -> int:
    """Bytes of a character in this column."""
    return BYTES_PER_CHARACTER.get(charset(column, table), 4)


def words(sql: str) -> dict[str, str]:
    """The word after each name in a statement, such as a column's type, which the parser may replace by its own."""
    pairs = re.findall(r"(?<![\w`.])`?(\w+)`?\s+(?=([A-Za-z_]\w*(?:\s*\(\d\))?(?:\s+WITH\s+TIME\s+ZONE)?))", bare(sql))
    return dict(reversed(pairs))


def of_definition(part: Any, column: Column, table: Table, word: str) -> Iterator[Problem]:
    """Problems of a column definition.

    part: its tree.
    column: what it means.
    table: the table that it belongs to.
    word: the type as it is written.
    """
    name, type_name = part.name, column.type
    type_word = word.partition("(")[0].strip().upper()
    if type_word in _ELSEWHERE or type_word.endswith("WITH TIME ZONE") or word.upper().endswith("ZONE"):
        yield refused(1064, f"{name} has the type {word.upper()}")
    if type_word == "VARCHAR" and not column.arguments:
        yield refused(1064, f"{name} is VARCHAR without a length")
    if column.length is not None:
        yield from _too_long(name, column, table)
    numbers = [int(one.name) for one in part.args["kind"].expressions if one.name.isdigit()]
    yield from _numbers(name, type_name, numbers, part)
    if type_name == "DOUBLE" and len(numbers) == 1 and part.args["kind"].this.name == "DOUBLE":
        yield refused(1064, f"{name} is DOUBLE({numbers[0]})")
    if type_name in {"ENUM", "SET"} and not column.arguments:
        yield refused(1064, f"{name} is {type_name} without a member")
    if type_name in {"ENUM", "SET"}:
        yield from _members(name, column, table)


def _too_long(name: str, column: Column, table: Table) -> Iterator[Problem]:
    length = column.length or 0
    limit = 255 if column.type in {"CHAR", "BINARY"} else 65535
    if column.type == "VARCHAR":
        limit = 65535 // width(column, table)
    if length > limit:
        yield refused(1074, f"{name} is {column.type}({length}), and the longest is {limit:,}")


def _numbers(name: str, type_name: str, numbers: list[int], part: Any) -> Iterator[Problem]:
    if type_name in {"DATETIME", "TIMESTAMP", "TIME"} and numbers and numbers[0] > _MAX_FRACTION:
        yield refused(1426, f"{name} has {numbers[0]} digits after the second")
    source = part.args["kind"].this.name
    if type_name == "DECIMAL" and numbers and numbers[0] > _MAX_DIGITS:
        yield refused(1426, f"{name} has {numbers[0]} digits")
    if type_name == "BIT" and numbers and numbers[0] > 64:
        yield refused(1439, f"{name} has {numbers[0]} bits")
    if type_name == "BIT" and numbers == [0]:
        yield refused(3013, f"{name} has no bits")
    if type_name == "YEAR" and numbers and numbers[0] != 4:
        yield refused(1818, f"{name} is YEAR({numbers[0]})")
    if source == "FLOAT" and len(numbers) == 1 and numbers[0] > 53:
        yield refused(1063, f"{name} is FLOAT({numbers[0]})")
    floating = type_name in {"FLOAT", "DOUBLE"} and len(numbers) == 2
    if (type_name in _INTEGERS or floating) and numbers and numbers[0] > _MAX_WIDTH:
        yield refused(1439, f"{name} is {numbers[0]} digits wide")
    if (type_name == "DECIMAL" or floating) and len(numbers) == 2:
        if numbers[1] > _MAX_SCALE:
            yield refused(1425, f"{name} has {numbers[1]} digits after the point")
        elif numbers[1] > numbers[0]:
            yield refused(1427, f"{name} has {numbers[0]} digits, of them {numbers[1]} after the point")


def _members(name: str, column: Column, table: Table) -> Iterator[Problem]:
    if column.type == "SET" and len(column.arguments) > 64:
        yield refused(1097, f"{name} is a SET of {len(column.arguments)}")
    seen: dict[str, str] = {}
    for member in column.arguments:
        key = comparable(member, collation(column, table))
        if key in seen and seen[key] != member:  # the same one twice is PlanetScale's DUPLICATE_ENUM_VALUE
            yield refused(1291, f"{name} lists {seen[key]!r} and {member!r}")
        seen.setdefault(key, member)
        if len(member) > 255:
            yield refused(3505, f"{name} has a member of {len(member)} characters")
        if column.type == "SET" and "," in member:
            yield refused(1367, f"{name} has the member {member!r}")


def comparable(text: str, collation: str) -> str:
    """The text so that two which MySQL takes for the same in an ENUM of this collation are equal."""
    text = text.rstrip(" ")
    if collation.endswith(("_bin", "_cs")) or collation == "binary":
        return text
    text = text.casefold()
    if "_as_" in collation:
        return text
    return "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))


def is_column(part: Any) -> bool:
    """Whether this part of a statement defines a column."""
    return isinstance(part, exp.ColumnDef) and part.args.get("kind") is not None
