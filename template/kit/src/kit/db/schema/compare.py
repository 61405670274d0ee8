"""What differs between the models' tables and those of the migrations, on MySQL."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kit.db.mysql import CHARSET, COLLATION
from kit.db.schema.definitions import TEXTS, Column, ForeignKey, Key, Table
from kit.db.schema.needs import with_needs_of_live_version
from kit.db.schema.tables import Tables

SERVERS = "the server's"
"""What a table has that names no collation."""

_DEFAULT_COLLATIONS = {"utf8mb4": "utf8mb4_0900_ai_ci", "utf8mb3": "utf8mb3_general_ci", "latin1": "latin1_swedish_ci"}
"""MySQL's collation of a character set alone."""


@dataclass(frozen=True)
class Difference:
    """A part of a table that the models define otherwise than the migrations."""

    table: str
    kind: str
    """`table`, `column`, `key`, `check`, `foreign key`, `option`."""
    name: str
    """The column's, key's, … name; empty for the table itself."""
    before: Any
    """The definition in the migrations; `None` if they have none."""
    after: Any
    """The definition in the models; `None` if they have none."""

    def sentence(self, models: str) -> str:
        """Say it; `models` is the file of the models."""
        what = {"table": self.table, "column": f"{self.table}.{self.name}"}.get(
            self.kind, f"the {self.kind} {self.name} of {self.table}"
        )
        if self.kind in {"table", "column"} and self.before is None:
            return f"{models} has {what}, no migration has"
        if self.kind in {"table", "column"} and self.after is None:
            return f"{what} is in the migrations, and not in {models}"
        before, after = self.before, self.after
        if isinstance(before, Column) and isinstance(after, Column):
            pairs = zip(_aspects(before), _aspects(after), strict=True)
            changed = [(old, new) for old, new in pairs if old != new]
            if not changed:  # both have their table's collation
                return f"{what} has another collation in {models} than in the migrations"
            before, after = (" ".join(part) for part in zip(*changed, strict=True))
        return f"{what} is {_text(after)} in {models}, and {_text(before)} in the migrations"


def differences(models: Tables, migrated: Tables) -> list[Difference]:
    """Compare all tables, without those that can't be followed, and without what only the live version needs."""
    return changes(with_needs_of_live_version(models, migrated), migrated)


def changes(models: Tables, migrated: Tables) -> list[Difference]:
    """Compare all tables, without those that can't be followed."""
    found: list[Difference] = []
    for name in sorted(models.tables.keys() | migrated.tables.keys()):
        after, before = models.tables.get(name), migrated.tables.get(name)
        if name in migrated.views or (before and before.unfollowed) or (after and after.unfollowed):
            continue
        if after is None or before is None:
            found.append(Difference(name, "table", "", before, after))
        else:
            found += _of_table(name, after, before)
    return found


def other_collations(models: Tables, migrated: Tables) -> dict[str, str]:
    """The tables that compare strings otherwise than new ones, each with its collation, or "" for the server's."""
    return {
        name: collation_of(table)
        for name, table in migrated.tables.items()
        if name in models.tables
        and not _names_collation(models.tables[name])
        and collation_of(table) != COLLATION
        and any(column.type in TEXTS for column in table.columns.values())
    }


def refused_references(after: Tables, before: Tables) -> Iterator[str]:
    """Say which new foreign keys MySQL refuses (error 3780), because text columns have unlike collations."""
    for name, table in sorted(after.tables.items()):
        known = before.tables[name].foreign_keys if name in before.tables else {}
        for key, foreign in table.foreign_keys.items():
            referred = after.tables.get(foreign.table)
            if foreign == known.get(key) or referred is None:
                continue
            for own, other in zip(foreign.columns, foreign.referred, strict=False):
                ours, theirs = _effective(own, table), _effective(other, referred)
                if ours is not None and theirs is not None and ours != theirs:
                    yield (
                        f"MySQL refuses the foreign key {name}.{own} to {foreign.table}.{other} (error 3780): their "
                        f"collations are {ours or SERVERS} and {theirs or SERVERS}. Change the older "
                        f'table first, in a migration of its own: give its model __table_args__ = {{"mysql_charset": '
                        f'"{CHARSET}", "mysql_collate": "{COLLATION}"}}.'
                    )


def _effective(column: str, table: Table) -> str | None:
    """A text column's collation; "" if it depends on the server, `None` for other columns."""
    definition = table.columns.get(column)
    if definition is None or definition.type not in TEXTS:
        return None
    return definition.collation or _DEFAULT_COLLATIONS.get(definition.charset or "") or collation_of(table)


def collation_of(table: Table) -> str:
    """The table's collation; "" if it depends on the server."""
    return table.collation or _DEFAULT_COLLATIONS.get(table.charset or "", "")


def _of_table(name: str, after: Table, before: Table) -> Iterator[Difference]:
    for column in [*after.columns, *(before.columns.keys() - after.columns.keys())]:
        new, old = after.columns.get(column), before.columns.get(column)
        if new is None or old is None or not _same_column(new, old, after, before):
            yield Difference(name, "column", column, old, new)
    for kind, models, migrated in (
        ("key", after.keys, before.keys),
        ("check", after.checks, before.checks),
        ("foreign key", after.foreign_keys, before.foreign_keys),
    ):
        yield from _of_group(name, kind, models, migrated)
    if after.comment != before.comment:
        yield Difference(name, "option", "comment", before.comment, after.comment)
    if _names_collation(after) and collation_of(after) != collation_of(before):
        yield Difference(name, "option", "collation", collation_of(before), collation_of(after))
    for option in sorted(after.options.keys() | before.options.keys()):
        old_value, new_value = before.options.get(option), after.options.get(option)
        default = "INNODB" if option == "ENGINE" else None
        if (old_value or default) != (new_value or default):
            yield Difference(name, "option", option, old_value, new_value)


def _of_group(table: str, kind: str, models: dict[str, Any], migrated: dict[str, Any]) -> Iterator[Difference]:
    """Compare by name. One whose name MySQL chooses may have any name in the migrations, if it is the same."""
    left = dict(migrated)
    named = {name: one for name, one in models.items() if not one.generated_name}
    for name, after in named.items():
        before = left.pop(name, None)
        if after != before:
            yield Difference(table, kind, name, before, after)
    for name, after in models.items():
        if name in named:
            continue
        same = [other for other, before in left.items() if before == after]
        if same:
            del left[name if name in same else same[0]]
        else:
            yield Difference(table, kind, _free(name, migrated.keys() | models.keys() - {name}), None, after)
    for name, before in left.items():
        yield Difference(table, kind, name, before, None)


def _free(name: str, taken: Any) -> str:
    """A name like this one that is not taken."""
    if name not in taken:
        return name
    base, number = re.sub(r"_\d+$", "", name), 2
    while f"{base}_{number}" in taken:
        number += 1
    return f"{base}_{number}"


def _same_column(new: Column, old: Column, after: Table, before: Table) -> bool:
    if new.type in TEXTS and old.type in TEXTS:
        inherited = collation_of(before)
        old_collation = old.collation or _DEFAULT_COLLATIONS.get(old.charset or "", "") or inherited
        if new.charset is None and new.collation is None:
            new_collation = collation_of(after) if _names_collation(after) else inherited
        else:
            new_collation = new.collation or _DEFAULT_COLLATIONS.get(new.charset or "", "")
        if old_collation != new_collation:
            return False
    return _aspects(new)[:-1] == _aspects(old)[:-1]


def _aspects(column: Column) -> tuple[str, ...]:
    """The parts of a column's definition that are compared one by one, the collation last."""
    default = column.default or ""
    if re.fullmatch(r"\(CURRENT_TIMESTAMP(\(\d\))?\)", default):
        default = default[1:-1]
    return (
        column.sql_type,
        "NULL" if column.nullable else "NOT NULL",
        f"DEFAULT {default}" if default else "without a default",
        f"ON UPDATE {column.on_update}" if column.on_update else "without ON UPDATE",
        f"AS ({column.computed}) {'STORED' if column.stored else 'VIRTUAL'}" if column.computed else "not computed",
        "AUTO_INCREMENT" if column.auto_increment else "without AUTO_INCREMENT",
        f"COMMENT '{column.comment}'" if column.comment else "without a comment",
        " ".join(column.attributes) or "without other attributes",
        f"COLLATE {column.collation or column.charset}"
        if column.collation or column.charset
        else "without a collation",
    )


def _names_collation(table: Table) -> bool:
    return bool(table.collation) or table.charset not in {None, CHARSET}


def _text(definition: Any) -> str:
    if definition is None or definition == "":
        return "missing"
    if isinstance(definition, Key):
        parts = [
            (part.column or f"({part.expression})")
            + (f"({part.length})" if part.length else "")
            + (" DESC" if part.descending else "")
            for part in definition.parts
        ]
        return f"{definition.kind} ({', '.join(parts)})" + (f" {definition.options}" if definition.options else "")
    if isinstance(definition, ForeignKey):
        actions = [f" ON DELETE {definition.on_delete}"] if definition.on_delete else []
        actions += [f" ON UPDATE {definition.on_update}"] if definition.on_update else []
        referred = f"{definition.table} ({', '.join(definition.referred)})"
        return f"({', '.join(definition.columns)}) REFERENCES {referred}{''.join(actions)}"
    return f"({definition.expression})" if hasattr(definition, "expression") else str(definition)
