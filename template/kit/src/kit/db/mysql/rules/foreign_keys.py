"""Foreign keys."""

from collections.abc import Iterator, Mapping

from kit.db.mysql.rules.message import refused
from kit.db.mysql.rules.types import charset, collation
from kit.db.schema.definitions import TEXTS, Column, ForeignKey, Table
from kit.db.schema.problem import Problem


def of_table(name: str, table: Table, tables: Mapping[str, Table]) -> Iterator[Problem]:
    """Problems of the table's foreign keys; `tables` are all tables."""
    for key_name, key in table.foreign_keys.items():
        yield from _of_key(f"the foreign key {key_name} of {name}", key, table, tables)


def _of_key(label: str, key: ForeignKey, table: Table, tables: Mapping[str, Table]) -> Iterator[Problem]:
    if missing := [column for column in key.columns if column not in table.columns]:
        yield refused(1072, f"{label} names the column {missing[0]}, which does not exist")
        return
    if key.table not in tables:
        yield refused(1824, f"{label} refers to {key.table}, which does not exist")
        return
    target = tables[key.table]
    if missing := [column for column in key.referred if column not in target.columns]:
        yield refused(3734, f"{label} refers to {key.table}.{missing[0]}, which does not exist")
        return
    for column, referred in zip(key.columns, key.referred, strict=False):
        ours, theirs = table.columns[column], target.columns[referred]
        if not _comparable(ours, table, theirs, target):
            yield refused(3780, f"{label} compares {ours.sql_type} with {theirs.sql_type}")
        if ours.computed is not None and not ours.stored:
            yield refused(3733, f"{label} has {column}, which is computed when it is read")
        if not ours.nullable and "SET NULL" in {key.on_delete, key.on_update}:
            yield refused(1830, f"{label} sets {column} to NULL, which is NOT NULL")
    names = sorted(column.lower() for column in key.referred)
    unique = [[part.column.lower() for part in one.parts] for one in target.keys.values() if one.unique]
    if not any(sorted(one) == names for one in unique):
        yield refused(6125, f"{label} refers to columns of {key.table} that are not a whole unique key")


def _comparable(ours: Column, table: Table, theirs: Column, target: Table) -> bool:
    if ours.type in TEXTS and theirs.type in TEXTS:
        same = charset(ours, table) == charset(theirs, target) and collation(ours, table) == collation(theirs, target)
        return same and {ours.type, theirs.type} <= {"CHAR", "VARCHAR"}
    return (ours.type, ours.unsigned) == (theirs.type, theirs.unsigned)


def of_alteration(name: str, before: Table, after: Table | None, tables: Mapping[str, Table]) -> Iterator[Problem]:
    """Problems of what a statement drops under a foreign key; `tables` are all tables after it."""
    for other_name, other in tables.items():
        for key_name, key in other.foreign_keys.items():
            if key.table == name and after is None and other_name != name:
                yield refused(3730, f"{name} is dropped, and the foreign key {key_name} of {other_name} refers to it")
            elif key.table == name and after is not None:
                for column in set(key.referred) & (before.columns.keys() - after.columns.keys()):
                    yield refused(1829, f"{name}.{column} is dropped, and the foreign key {key_name} refers to it")
    for key_name, key in after.foreign_keys.items() if after else ():
        for column in set(key.columns) - after.columns.keys() if after else ():
            yield refused(1828, f"{name}.{column} is dropped, and the foreign key {key_name} needs it")
        if after and _is_supported(key, before) and not _is_supported(key, after) and key_name in before.foreign_keys:
            yield refused(1553, f"an index of {name} is dropped that the foreign key {key_name} needs")


def _is_supported(key: ForeignKey, table: Table) -> bool:
    """Whether an index of the table begins with the key's columns."""
    count = len(key.columns)
    return any([part.column for part in one.parts[:count]] == key.columns for one in table.keys.values())
