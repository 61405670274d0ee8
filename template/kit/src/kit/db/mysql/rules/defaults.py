"""Defaults that their column cannot hold."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from kit.db.mysql.rules.message import refused
from kit.db.mysql.rules.types import charset, collation, comparable
from kit.db.schema.definitions import BLOBS, Column, Table
from kit.db.schema.problem import Problem

_BITS = {"TINYINT": 8, "SMALLINT": 16, "MEDIUMINT": 24, "INT": 32, "BIGINT": 64}
_MAX_FLOAT = {"FLOAT": Decimal("3.402823466E+38"), "DOUBLE": Decimal("1.7976931348623157E+308")}
_GEOMETRIES = {
    *("GEOMETRY", "POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON"),
    "GEOMETRYCOLLECTION",
}
_LAST_TIMESTAMP = datetime(2038, 1, 19, 3, 14, 7)
_LONGEST_TIME = timedelta(hours=838, minutes=59, seconds=59)
_CHARSET_CODECS = {"latin1": "cp1252", "ascii": "ascii"}


def of_default(name: str, column: Column, table: Table, *, altered: bool = False) -> Iterator[Problem]:
    """Problems of a column's default; `altered` if ALTER COLUMN … SET DEFAULT gives it."""
    if column.on_update is not None and not _is_now(column.on_update, column):
        yield refused(1294, f"{name} is {column.sql_type} ON UPDATE {column.on_update}")
    default = column.default
    if default is None:
        return
    if column.computed is not None:
        yield refused(1221, f"{name} is generated, and has the default {default}")
    elif (column.type in BLOBS or column.type in _GEOMETRIES) and (altered or not default.startswith("(")):
        yield refused(1101, f"{name} is {column.type}, and has the default {default}")
    elif not default.startswith("(") and (column.auto_increment or not _holds(column, table, default)):
        yield refused(1067, f"{name} is {column.sql_type}, and has the default {default}")


def _holds(column: Column, table: Table, default: str) -> bool:
    if default.upper().startswith("CURRENT_TIMESTAMP"):
        return _is_now(default, column)
    if default[:2].lower() in {"b'", "x'", "0x", "0b"}:
        return column.type != "BIT" or _bits(default) <= int((column.arguments or ("1",))[0])
    text = _unquoted(default)
    quoted = text is not None
    text = default if text is None else text
    kind = column.type
    if kind in _BITS or kind in {"DECIMAL", "FLOAT", "DOUBLE", "BIT", "YEAR"}:
        return _holds_number(column, text, quoted)
    if kind in {"CHAR", "VARCHAR"}:
        codec = _CHARSET_CODECS.get(charset(column, table), "utf-8")
        return len(text.rstrip(" ")) <= (column.length or 1) and _can_encode(text, codec)
    if kind in {"BINARY", "VARBINARY"}:
        return len(text.encode()) <= (column.length or 1)
    if kind in {"DATE", "DATETIME", "TIMESTAMP"}:
        return _is_date(text, kind)
    if kind == "TIME":
        return _is_time(text)
    rule = collation(column, table)
    members = {comparable(member, rule) for member in column.arguments}
    if kind == "ENUM":
        return quoted and comparable(text, rule) in members
    if kind == "SET":
        return {comparable(one, rule) for one in text.split(",")} <= members | {""}
    return True


def _is_now(expression: str, column: Column) -> bool:
    match = re.fullmatch(r"CURRENT_TIMESTAMP(?:\((\d*)\))?", expression, re.IGNORECASE)
    digits = (match[1] or "0") if match else ""
    return column.type in {"DATETIME", "TIMESTAMP"} and digits == (column.arguments or ("0",))[0]


def _unquoted(default: str) -> str | None:
    match = re.fullmatch(r"'(.*)'", default, re.DOTALL)
    return re.sub(r"\\(.)|''", lambda found: found[1] or "'", match[1]) if match else None


def _bits(default: str) -> int:
    digits = default[1:].strip("'").lower().lstrip("bx")
    return int(digits, 2 if default[:2].lower() in {"b'", "0b"} else 16).bit_length() if digits else 0


def _holds_number(column: Column, text: str, quoted: bool) -> bool:
    kind = column.type
    if kind == "BIT" and quoted:
        return len(text.encode()) * 8 <= int((column.arguments or ("1",))[0])
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return False
    if not number.is_finite() or (column.unsigned and number < 0):
        return False
    if kind == "BIT":
        return 0 <= number < Decimal(2) ** int((column.arguments or ("1",))[0])
    if kind == "YEAR":
        return number in (0, *range(1, 100)) or 1901 <= number <= 2155
    if kind in _BITS:
        bits = _BITS[kind]
        low, high = (0, 2**bits - 1) if column.unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        return low <= number.quantize(Decimal(1), ROUND_HALF_UP) <= high if abs(number) < 10**25 else False
    if kind == "DECIMAL":
        digits, scale = (int(one) for one in column.arguments)
        limit = Decimal(10) ** (digits - scale)
        return abs(number) < limit and abs(number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)) < limit
    return abs(number) <= _MAX_FLOAT[kind]


def _can_encode(text: str, codec: str) -> bool:
    try:
        text.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def _is_date(text: str, kind: str) -> bool:
    """Whether MySQL reads it as a date; what is written in another way than usual passes."""
    if text.isdigit():
        return int(text) > 0
    match = re.fullmatch(
        r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.\d*)?)?(?:([+-]\d\d):\d\d)?)?", text
    )
    if not match:
        return re.match(r"\d", text) is not None
    try:
        moment = datetime(*(int(part or 0) for part in match.groups()[:6]))  # type: ignore[arg-type]
    except ValueError:
        return False
    if match[7] and not -14 < int(match[7]) <= 14:
        return False
    return kind != "TIMESTAMP" or datetime(1970, 1, 1, 0, 0, 1) <= moment <= _LAST_TIMESTAMP


def _is_time(text: str) -> bool:
    match = re.fullmatch(r"-?(\d+):(\d{1,2})(?::(\d{1,2})(?:\.\d*)?)?", text)
    if not match:
        return re.match(r"-?\d", text) is not None
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return (
        minutes < 60
        and seconds < 60
        and timedelta(hours=min(hours, 10**6), minutes=minutes, seconds=seconds) <= _LONGEST_TIME
    )
