"""Partitions."""

import re
from collections.abc import Iterator

from kit.db.mysql.rules.expressions import columns_of
from kit.db.mysql.rules.message import refused
from kit.db.schema.definitions import INTEGERS, Table
from kit.db.schema.parse import bare
from kit.db.schema.problem import Problem

_MAX_PARTITIONS = 8192
_CLAUSE = (
    r"\bPARTITION\s+BY\s+(?:LINEAR\s+)?(\w+)(\s+COLUMNS)?\s*(?:ALGORITHM\s*=\s*\d\s*)?\(((?:[^()]|\([^()]*\))*)\)(.*)"
)


def of_table(name: str, table: Table, clause: str) -> Iterator[Problem]:
    """Problems of the table with this PARTITION BY clause."""
    match = re.search(_CLAUSE, clause, re.IGNORECASE | re.DOTALL)
    if match is None:
        return
    kind, by_columns, expression, rest = match[1].upper(), bool(match[2]), match[3].strip(), match[4]
    listed = by_columns or kind == "KEY"
    used = (
        {one.strip(" `").lower() for one in expression.split(",") if one.strip()} if listed else columns_of(expression)
    )
    known = {column.lower(): definition for column, definition in table.columns.items()}
    if missing := sorted(used - known.keys()):
        yield refused(1054, f"{name} is partitioned by {missing[0]}, which does not exist")
        return
    for key_name, key in table.keys.items():
        if key.unique and not used <= {part.column.lower() for part in key.parts if part.length is None}:
            label = "primary key" if key.kind == "PRIMARY" else f"unique key {key_name}"
            yield refused(1503, f"{name} is partitioned by {', '.join(sorted(used))}, which its {label} lacks")
    if not listed:
        types = {known[column].type for column in used}
        bare_column = expression.strip(" `").lower() in used
        if bare_column and not types <= INTEGERS:
            yield refused(1659, f"{name} is partitioned by {expression}, which is {', '.join(sorted(types))}")
        elif "TIMESTAMP" in types and not re.match(r"UNIX_TIMESTAMP\b", expression, re.IGNORECASE):
            yield refused(1486, f"{name} is partitioned by {expression}, which depends on the time zone")
    yield from _definitions(name, kind, rest)
    if table.foreign_keys:
        yield refused(1506, f"{name} is partitioned, and has a foreign key")
    if any(key.kind == "FULLTEXT" for key in table.keys.values()):
        yield refused(1214, f"{name} is partitioned, and has a FULLTEXT index")


def _definitions(name: str, kind: str, rest: str) -> Iterator[Problem]:
    if count := re.match(r"\s*PARTITIONS\s+(\d+)", rest, re.IGNORECASE):
        if int(count[1]) == 0:
            yield refused(1504, f"{name} has no partition")
        elif int(count[1]) > _MAX_PARTITIONS:
            yield refused(1499, f"{name} has {int(count[1]):,} partitions")
    partitions = re.findall(r"\bPARTITION\s+`?(\w+)`?", bare(rest), re.IGNORECASE)
    for partition in sorted({one for one in partitions if partitions.count(one) > 1}):
        yield refused(1517, f"{name} has the partition {partition} twice")
    if kind != "RANGE":
        return
    if not partitions:
        yield refused(1492, f"{name} is partitioned by RANGE without partitions")
    limits = re.findall(r"\bLESS\s+THAN\s*(MAXVALUE|\(\s*(?:MAXVALUE|-?\d+)\s*\))", rest, re.IGNORECASE)
    numbers = [None if "MAXVALUE" in limit.upper() else int(limit.strip("() ")) for limit in limits]
    if None in numbers[:-1]:
        yield refused(1481, f"{name} has a partition after that of MAXVALUE")
    values = [number for number in numbers if number is not None]
    if values != sorted(set(values)):
        yield refused(1493, f"the partitions of {name} are not in ascending order")
