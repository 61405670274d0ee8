"""Finds the rule of a column's type."""

import re

from kit.db.sqlite.rules import moments, numbers, texts
from kit.db.sqlite.rules.rule import Make, Rule


def of(column_type: str) -> Rule | None:
    """Return the rule for a type as MySQL's DDL has it, such as `VARCHAR(280)`; `None` if any value may be stored."""
    match = re.match(r"(\w+)\s*(?:\((.*?)\))?(?=\s|$)(.*)", column_type, re.DOTALL)
    if not match:
        return None
    name, arguments, options = match[1].upper(), match[2] or "", match[3].upper()
    if name == "ENUM":
        return _enum(column_type)
    make = _RULES.get(name)
    return make([int(number) for number in re.findall(r"\d+", arguments)], "UNSIGNED" in options) if make else None


def _enum(column_type: str) -> Rule:
    members = column_type[column_type.index("(") + 1 : column_type.rindex(")")]
    condition = f"{{v}} NOT IN ({members.replace('{', '{{').replace('}', '}}')})"
    return Rule(condition, [(condition, "is not one of the members (MySQL error 1265)")])


def _json(_: list[int], __: bool) -> Rule:
    condition = "CASE typeof({v}) WHEN 'text' THEN NOT json_valid({v}) WHEN 'blob' THEN 1 END"
    return Rule(condition, [(condition, "is not JSON (MySQL error 3140)")])


_RULES: dict[str, Make] = {
    "TINYINT": numbers.integer(1),
    "BOOL": numbers.integer(1),
    "BOOLEAN": numbers.integer(1),
    "SMALLINT": numbers.integer(2),
    "MEDIUMINT": numbers.integer(3),
    "INT": numbers.integer(4),
    "INTEGER": numbers.integer(4),
    "BIGINT": numbers.integer(8),
    "NUMERIC": numbers.numeric,
    "DECIMAL": numbers.numeric,
    "DOUBLE": numbers.double,
    "REAL": numbers.double,
    "FLOAT": numbers.single,
    "VARCHAR": texts.varchar,
    "CHAR": texts.char,
    "TINYTEXT": texts.text(255),
    "TEXT": texts.text(65_535),
    "MEDIUMTEXT": texts.text(16_777_215),
    "LONGTEXT": texts.text(4_294_967_295),
    "TINYBLOB": texts.blob(255),
    "BLOB": texts.blob(65_535),
    "MEDIUMBLOB": texts.blob(16_777_215),
    "LONGBLOB": texts.blob(4_294_967_295),
    "VARBINARY": texts.varbinary,
    "BINARY": texts.binary,
    "DATETIME": moments.datetime,
    "DATE": moments.date,
    "TIME": moments.time,
    "JSON": _json,
}
