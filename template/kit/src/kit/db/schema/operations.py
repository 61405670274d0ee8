"""What has to be done to get from one definition of the tables to another, as operations of Alembic's."""

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

import sqlalchemy as sa
from alembic.operations import ops

from kit.db.schema.compare import Difference
from kit.db.schema.definitions import Column, ForeignKey, Key, Table
from kit.db.schema.laptop import Laptop
from kit.db.schema.models import DIALECT
from kit.db.schema.sources import Source
from kit.db.schema.written import (
    Batch,
    Code,
    CreateCheck,
    CreateIndex,
    CreatePrimaryKey,
    Execute,
    ForDatabase,
    canonical,
    escaped,
)
from kit.errors import UsageError

COPY = "a copied table has no indexes on expressions"
"""Why a migration drops and creates them on SQLite alone."""

_QUOTE = DIALECT.identifier_preparer.quote


def operations(
    differences: list[Difference], source: Source, before: Source, laptop: Laptop, tables: Mapping[str, Table]
) -> list[Any]:
    """Return the operations that turn each difference's `before` into its `after`.

    source: how Python writes what is created. before: the same for what is there.
    laptop, tables: what the tables are before the change, on SQLite and on MySQL.
    """
    created = {one.table: one.after for one in differences if one.kind == "table" and one.before is None}
    dropped = {one.table: one.before for one in differences if one.kind == "table" and one.after is None}
    result: list[Any] = []
    for name in _ordered(created):
        result += _create_table(name, created[name], source)
    for name in sorted({one.table for one in differences if one.kind != "table"}):
        of_table = [one for one in differences if one.table == name]
        result += _TableChange(name, of_table, source, before, laptop, tables[name]).operations()
    return result + [ops.DropTableOp(name) for name in reversed(_ordered(dropped))]


def _ordered(tables: Mapping[str, Table]) -> list[str]:
    """The tables' names, each after those that it refers to."""
    referred = {
        name: {key.table for key in table.foreign_keys.values()} & tables.keys() - {name}
        for name, table in sorted(tables.items())
    }
    try:
        return list(TopologicalSorter(referred).static_order())
    except CycleError:
        return sorted(tables)


def _create_table(name: str, table: Table, source: Source) -> Iterator[Any]:
    columns: list[Any] = [source.column(name, column, one) for column, one in table.columns.items()]
    apart = {key for key, one in table.keys.items() if one.kind != "PRIMARY" and _apart(name, key, one, source)}
    for key, one in table.keys.items():
        if one.kind == "PRIMARY":
            columns.append(sa.PrimaryKeyConstraint(*one.columns))
        elif key not in apart:
            columns.append(sa.UniqueConstraint(*one.columns, name=key))
    for key, check in table.checks.items():
        if source.comes_with_type(name, check):
            continue
        columns.append(sa.CheckConstraint(source.condition(name, key, check), name=key))
    for key, foreign in table.foreign_keys.items():
        referred = [f"{foreign.table}.{column}" for column in foreign.referred]
        columns.append(
            sa.ForeignKeyConstraint(
                foreign.columns,
                referred,
                name=key,
                ondelete=foreign.on_delete or None,
                onupdate=foreign.on_update or None,
            )
        )
    yield ops.CreateTableOp(name, columns, **source.table_options(name, table))
    for key in sorted(apart):
        yield _create_index(name, key, table.keys[key], source)


def _apart(table: str, name: str, key: Key, source: Source) -> bool:
    """Whether a key is an index rather than a unique constraint of the table."""
    plain = all(part.column and not part.length and not part.descending for part in key.parts)
    return not plain or key.kind != "UNIQUE" or source.is_index(table, name)


def _create_index(table: str, name: str, key: Key, source: Source) -> Any:
    clauses = source.key_clauses(table, name)
    if len(clauses) != len(key.parts):
        clauses = [None] * len(key.parts)
    parts: list[Any] = [
        part.column if part.column and not part.descending else (part, clause)
        for part, clause in zip(key.parts, clauses, strict=True)
    ]
    options: dict[str, Any] = {}
    if lengths := {part.column: part.length for part in key.parts if part.length}:
        options["mysql_length"] = lengths
    if key.kind in {"FULLTEXT", "SPATIAL"}:
        options["mysql_prefix"] = key.kind
    options |= source.key_options(table, name)
    return CreateIndex(name, table, parts, key.unique, options)


def _create_foreign_key(table: str, name: str, key: ForeignKey) -> Any:
    actions = {"ondelete": key.on_delete or None, "onupdate": key.on_update or None}
    return ops.CreateForeignKeyOp(name, table, key.table, key.columns, key.referred, **actions)


class _TableChange:
    """The operations for one table, in an order in which nothing is in the way of another."""

    def __init__(
        self, table: str, differences: list[Difference], source: Source, before: Source, laptop: Laptop, now: Table
    ) -> None:
        self.table, self.source, self.before, self.now = table, source, before, now
        self.differences = differences
        self.laptop = laptop.table(table)
        self.conventions: dict[str, Any] = {}
        """The argument of batches that gives a name to what has none on SQLite, so that it can be dropped."""

    def operations(self) -> list[Any]:
        recreated = {one.name for one in self._of("column") if _recreated(one)}
        keys = list(self._of("key")) + [
            Difference(self.table, "key", name, key, key)  # MySQL drops it with its column
            for name, key in self.now.keys.items()
            if recreated & set(key.columns) and name not in {one.name for one in self._of("key")}
        ]
        foreign_keys = [self._drop_foreign_key(one) for one in self._of("foreign key") if one.before is not None]
        first, batch = self._drops(keys, recreated)
        last: list[Any] = []
        numbered = [one for one in self._of("column") if _newly_numbered(one)]
        for one in self._of("column"):
            if one.after is not None and one not in numbered:
                batch.append(self._column(one, new=one.before is None or one.name in recreated))
        for one in keys:
            if one.name == "PRIMARY":
                last += self._primary_key(one)
            elif one.after is not None and _apart(self.table, one.name, one.after, self.source):
                last.append(_create_index(self.table, one.name, one.after, self.source))
            elif one.after is not None:
                batch.append(ops.CreateUniqueConstraintOp(one.name, self.table, one.after.columns))
        for one in self._of("check"):
            if one.after is not None and not self._with_new_column(one):
                condition: Any = self.source.condition(self.table, one.name, one.after)
                batch.append(CreateCheck(one.name, self.table, condition))
        for one in self._of("foreign key"):
            if one.after is not None:
                batch.append(_create_foreign_key(self.table, one.name, one.after))
        for one in self._of("option"):
            last += self._option(one)
        if numbered:  # only in a key can MySQL number the rows
            last.append(Batch(self.table, [self._column(one, new=False) for one in numbered]))
        groups = (
            [[*foreign_keys, *batch]] if not first else [foreign_keys, batch]
        )  # no index goes before its foreign key
        blocks = [Batch(self.table, group, **self.conventions) for group in groups if group]
        result = [*blocks[:-1], *first, *blocks[-1:], *last] if batch or not first else [*blocks, *first, *last]
        return self._kept_on_sqlite(result, {one.name for one in keys})

    def _kept_on_sqlite(self, operations: list[Any], changed_keys: set[str]) -> list[Any]:
        """Add what SQLite needs to keep checks without a name, and indexes on expressions, when it copies the table."""
        dropped = {one.before.expression for one in self._of("check") if one.before is not None}
        unnamed = {text: canonical(text) for text in self.laptop.unnamed_checks}
        copying = [block for block in _batches(operations) if not all(map(_in_place, block.ops))]
        if not copying and dropped.intersection(unnamed.values()):
            copying = [Batch(self.table, [], recreate="always")]
            operations = [*operations, ForDatabase("sqlite", copying)]
        if not copying:
            return operations
        names = {check.expression: name for name, check in self.now.checks.items()}
        kept = [
            f"sa.CheckConstraint({escaped(text)!r}, name={names.get(same)!r})"
            for text, same in unnamed.items()
            if same not in dropped
        ]
        if kept:
            copying[0].arguments["table_args"] = Code(f"({', '.join(kept)},)")
        indexes = [name for name in sorted(self.laptop.expression_indexes) if name not in changed_keys]
        if not indexes:
            return operations
        again = [_create_index(self.table, name, self.now.keys[name], self.before) for name in indexes]
        drops = [ops.DropIndexOp(name, self.table) for name in indexes]
        return [ForDatabase("sqlite", drops, COPY), *operations, ForDatabase("sqlite", again)]

    def _of(self, kind: str) -> Iterator[Difference]:
        return (one for one in self.differences if one.kind == kind)

    def _drops(self, keys: list[Difference], recreated: set[str]) -> tuple[list[Any], list[Any]]:
        """What is dropped before the batch, and in it."""
        first: list[Any] = []
        batch: list[Any] = []
        for one in self._of("check"):
            if one.before is not None and one.name in self.laptop.checks:
                batch.append(ops.DropConstraintOp(one.name, self.table, type_="check"))
            elif one.before is not None:  # on SQLite it has no name, and is dropped by copying the table without it
                first.append(self._on_mysql(f"DROP CHECK {_QUOTE(one.name)}"))
        for one in keys:
            if one.before is None or one.name == "PRIMARY":
                continue
            if one.name in self.laptop.indexes:
                first.append(ops.DropIndexOp(one.name, self.table))
            else:
                batch.append(ops.DropConstraintOp(one.name, self.table, type_="unique"))
                if one.name not in self.laptop.uniques:
                    self._name("uq", "%(column_0_name)s")
        for one in self._of("column"):
            if one.after is None or one.name in recreated:
                batch.append(ops.DropColumnOp(self.table, one.name))
        return first, batch

    def _with_new_column(self, check: Difference) -> bool:
        """Whether a check comes with the type of a column that is added or gets that type."""
        changed = {one.name for one in self._of("column")}
        return bool(changed & check.after.columns) and self.source.comes_with_type(self.table, check.after)

    def _name(self, kind: str, convention: str) -> None:
        self.conventions.setdefault("naming_convention", {})[kind] = convention

    def _drop_foreign_key(self, one: Difference) -> Any:
        if one.name not in self.laptop.foreign_keys:
            self._name("fk", one.name)
        return ops.DropConstraintOp(one.name, self.table, type_="foreignkey")

    def _column(self, one: Difference, *, new: bool) -> Any:
        column = self.source.column(self.table, one.name, one.after)
        if new:
            return ops.AddColumnOp(self.table, column)
        before, after = one.before, one.after
        typed = (before.sql_type, before.charset, before.collation) != (after.sql_type, after.charset, after.collation)
        default = self.source.default(self.table, one.name, after)
        options: dict[str, Any] = {}
        if (before.default, before.on_update) != (after.default, after.on_update):
            options["modify_server_default"] = default
        elif default is not None:
            options["existing_server_default"] = default
        if before.comment != after.comment:
            options["modify_comment"] = after.comment or None
        elif after.comment:
            options["existing_comment"] = after.comment
        if after.auto_increment:
            options["autoincrement"] = True
        return ops.AlterColumnOp(
            self.table,
            one.name,
            existing_type=self.before.column(self.table, one.name, before).type if typed else column.type,
            modify_type=column.type if typed else None,
            modify_nullable=after.nullable,  # always, so that MySQL gets the whole definition
            **options,
        )

    def _primary_key(self, one: Difference) -> Iterator[Any]:
        columns = one.after.columns if one.after else []
        parts = ["DROP PRIMARY KEY"] if one.before else []
        parts += [f"ADD PRIMARY KEY ({', '.join(map(_QUOTE, columns))})"] if columns else []
        yield self._on_mysql(", ".join(parts))
        name = f"pk_{self.table}"
        convention: dict[str, Any] = {} if self.laptop.primary_key else {"naming_convention": {"pk": name}}
        drop = ops.DropConstraintOp(self.laptop.primary_key or name, self.table, type_="primary")
        create = [CreatePrimaryKey(name, columns)] if columns else []
        yield ForDatabase("sqlite", [Batch(self.table, [drop, *create], **convention)])

    def _option(self, one: Difference) -> Iterator[Any]:
        if one.name == "comment":
            text = sa.literal(one.after or "").compile(dialect=DIALECT, compile_kwargs={"literal_binds": True})
            yield self._on_mysql(f"COMMENT {text}")
        elif one.name == "collation" and one.after:
            yield self._on_mysql(f"CONVERT TO CHARACTER SET {one.after.partition('_')[0]} COLLATE {one.after}")
        elif one.name == "PARTITION BY":
            yield self._on_mysql(one.after or "REMOVE PARTITIONING")
        else:
            yield self._on_mysql(f"{one.name}={one.after or {'ENGINE': 'InnoDB'}.get(one.name, 'DEFAULT')}")

    def _on_mysql(self, change: str) -> Any:
        return ForDatabase("mysql", [Execute(f"ALTER TABLE {_QUOTE(self.table)} {change}")])


def _recreated(one: Difference) -> bool:
    """Whether a column is dropped and added again, which loses nothing: its values are computed.

    Raises `UsageError` where it would.
    """
    before, after = one.before, one.after
    if not isinstance(before, Column) or not isinstance(after, Column):
        return False
    if bool(before.computed) != bool(after.computed):
        raise UsageError(
            f"{one.table}.{one.name} can't become {'computed' if after.computed else 'an ordinary column'} and keep its "
            "values. Add a column of another name, fill it with kit.db.bulk, use that one, and drop the old one."
        )
    return after.computed is not None


def _batches(operations: list[Any]) -> Iterator[Batch]:
    for one in operations:
        if isinstance(one, Batch):
            yield one
        elif isinstance(one, ForDatabase):
            yield from _batches(one.operations)


def _newly_numbered(one: Difference) -> bool:
    before, after = one.before, one.after
    return isinstance(before, Column) and isinstance(after, Column) and after.auto_increment > before.auto_increment


def _in_place(operation: Any) -> bool:
    """Whether SQLite does it without copying the table."""
    if not isinstance(operation, ops.AddColumnOp):
        return False
    default = operation.column.server_default
    literal = default is None or (isinstance(default, sa.DefaultClause) and isinstance(default.arg, str))
    return literal or (isinstance(default, sa.Computed) and not default.persisted)
