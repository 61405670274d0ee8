"""What PlanetScale refuses: each rule's code, and the documented alternative.

Codes in PlanetScale's own list (planetscale.com/docs/vitess/schema-changes/schema-lint-errors) are spelled as there.
The others are the kit's: RENAME_…, DATA_CHANGE, ROUTINE, UNSUPPORTED_STATEMENT, UNKNOWN_TYPE and NOT_CHECKABLE name what never
reaches a deploy request, or reaches production as a different change.
"""

import re
from collections.abc import Iterator
from typing import Any

from sqlglot import exp

from kit.db.schema.parse import bare
from kit.db.schema.problem import Problem
from kit.db.schema.tables import Tables

CHARSETS = {"utf8mb4", "utf8mb3", "utf8", "latin1", "ascii", "binary"}
MAX_COLUMNS = 1017
MAX_TABLES = 2048

RENAME_COLUMN = (
    "PlanetScale compares schemas, so this arrives as one column dropped and another added, its data lost. Expand and "
    "contract instead: `./uvw run python -m kit schema rename {table}.{old} {new}` writes the first migration and prints the steps: "
    "write both columns, backfill with kit.db.bulk, read the new one only, drop the old one."
)
RENAME_TABLE = (
    "PlanetScale compares schemas, so this arrives as one table dropped and another created, its rows lost. Create "
    "{new!r} in one migration, write both, copy the rows with kit.db.bulk, read the new one only, and drop {old!r} in a "
    "second migration."
)
INSTEAD = {
    "NO_UNIQUE_KEY": "Give the table a primary key, or a unique key over whole columns that are never null.",
    "BLOB_IN_UNIQUE_KEY": "Give the table a number as its key, or index a hash of the text in a column of its own.",
    "PARTIAL_KEY_IN_UNIQUE_KEY": "Use whole columns in the primary key, or a number as the key.",
    "FOREIGN_KEYS_DISALLOWED": (
        "Keep the column with an index and leave the constraint out; check the reference in the app. If your database "
        "has foreign keys switched on, say so: [tool.kit] foreign_keys = true in pyproject.toml."
    ),
    "FOREIGN_KEYS_NONEXISTENT_TABLE": "Create the table that is referred to first, or correct its name.",
    "INVALID_CHARSET": "Use utf8mb4.",
    "DUPLICATE_ENUM_VALUE": "List each value once.",
    "UNSUPPORTED_PARTITIONING_FEATURE": "Partition by RANGE, HASH or KEY without subpartitions, or not at all.",
    "INVALID_TABLE_REFERENCED_IN_VIEW": "Create the table first, or drop the view before its table.",
    "UNSUPPORTED_FEATURE": "Use InnoDB, at most 1,017 columns a table and 2,048 tables, and no JSON_TABLE.",
    "ROUTINE": "PlanetScale has no procedures, functions, triggers or events: do it in the app, or in a job.",
    "DATA_CHANGE": (
        "A deploy request carries the schema only: this would change the development branch and nothing else. "
        "Backfill with kit.db.bulk in a script or a job, after the deploy."
    ),
    "UNSUPPORTED_STATEMENT": "PlanetScale does not accept this statement; a migration changes tables and views.",
    "UNKNOWN_TYPE": (
        "Give the column a type that both databases have, with its length: String(255), Text, Integer, Uuid, JSON, … or a "
        'variant: Text().with_variant(MEDIUMTEXT(), "mysql").'
    ),
    "NOT_CHECKABLE": 'Write the migration so that it does not query the database, with op.… or op.execute("…").',
}


def problem(code: str, what: str) -> Problem:
    return Problem(code, what, INSTEAD[code])


_FIRST_WORDS = [
    (r"RENAME\s+TABLE", None),
    (r"(CREATE|DROP|ALTER)\s+(DEFINER\s*=\s*\S+\s+)?(AGGREGATE\s+)?(PROCEDURE|FUNCTION|TRIGGER|EVENT)\b", "ROUTINE"),
    (r"CALL\b", "ROUTINE"),
    (r"(INSERT|UPDATE|DELETE|REPLACE|TRUNCATE|WITH)\b", "DATA_CHANGE"),
    (
        r"(CREATE|DROP|ALTER)\s+(TEMPORARY\s+TABLE|DATABASE|SCHEMA|USER|ROLE|SERVER|TABLESPACE)\b",
        "UNSUPPORTED_STATEMENT",
    ),
    (r"(GRANT|REVOKE|LOAD|KILL|LOCK|UNLOCK|SET|USE|HANDLER|INSTALL|DO|FLUSH)\b", "UNSUPPORTED_STATEMENT"),
]


def of_text(sql: str) -> Iterator[Problem]:
    """Problems that the statement's keywords show."""
    bare_sql = bare(sql)
    for pattern, code in _FIRST_WORDS:
        if re.match(pattern, bare_sql, re.IGNORECASE):
            if code:
                yield problem(code, f"`{_short(sql)}`")
            for old, new in [] if code else _renames(bare_sql):
                yield _table_renamed(old, new)
            return
    if re.search(r"\bJSON_TABLE\s*\(", bare_sql, re.IGNORECASE):
        yield problem("UNSUPPORTED_FEATURE", "JSON_TABLE is used")
    partition = re.search(r"\bPARTITION\s+BY\s+(?:LINEAR\s+)?(\w+)", bare_sql, re.IGNORECASE)
    if partition and partition[1].upper() not in {"RANGE", "HASH", "KEY"}:
        yield problem("UNSUPPORTED_PARTITIONING_FEATURE", f"partitioned by {partition[1].upper()}")
    if re.search(r"\bSUBPARTITION\b", bare_sql, re.IGNORECASE):
        yield problem("UNSUPPORTED_PARTITIONING_FEATURE", "it has subpartitions")


def _renames(bare_sql: str) -> list[tuple[str, str]]:
    pairs = re.findall(r"([`\w.]+)\s+TO\s+([`\w.]+)", bare_sql, re.IGNORECASE)
    return [(old.strip("`"), new.strip("`")) for old, new in pairs]


_READABLE = (
    r"ALTER\s+(TABLE|VIEW)\b|CREATE\s+(OR\s+REPLACE\s+)?(TABLE|VIEW)\b|ANALYZE\b|OPTIMIZE\b"
    r"|CREATE\s+((UNIQUE|FULLTEXT|SPATIAL)\s+)?INDEX\b"
)


def of_unparsed(sql: str, *, foreign_keys: bool) -> Iterator[Problem]:
    """Problems of a statement that the parser keeps as text, such as `ALTER TABLE … ADD CHECK`."""
    bare_sql = bare(sql)
    if not re.match(_READABLE, bare_sql, re.IGNORECASE):
        yield problem("NOT_CHECKABLE", f"`{_short(sql)}` cannot be parsed")
        return
    table = re.match(r"ALTER\s+TABLE\s+`?(\w+)", bare_sql, re.IGNORECASE)
    name = table[1] if table else ""
    for old, new in re.findall(r"\bRENAME\s+COLUMN\s+`?(\w+)`?\s+TO\s+`?(\w+)", bare_sql, re.IGNORECASE):
        yield _column_renamed(name, old, new)
    for new in re.findall(
        r"\bRENAME\s+(?:TO\s+|AS\s+|=\s*)?`?(?!TO\b|AS\b|COLUMN\b|INDEX\b|KEY\b)(\w+)", bare_sql, re.IGNORECASE
    ):
        yield _table_renamed(name, new)
    if not foreign_keys and (target := re.search(r"\bREFERENCES\s+`?(\w+)", bare_sql, re.IGNORECASE)):
        yield problem("FOREIGN_KEYS_DISALLOWED", f"a foreign key refers to {target[1]}")
    charset = re.search(r"\b(?:CHARACTER\s+SET|CHARSET)\s*=?\s*(\w+)", bare_sql, re.IGNORECASE)
    if charset and charset[1].lower() not in CHARSETS:
        yield problem("INVALID_CHARSET", f"the character set is {charset[1].lower()}")


def of_statement(tree: Any, tables: Tables, *, foreign_keys: bool) -> Iterator[Problem]:
    """Problems of the statement itself, whatever the tables look like afterwards."""
    name = tree.this.name if isinstance(tree, exp.Alter) else ""
    for action in tree.args.get("actions") or ():
        if isinstance(action, exp.AlterRename):
            yield _table_renamed(name, action.this.name)
        old, new = None, None
        if isinstance(action, exp.RenameColumn):
            old, new = action.this.name, action.args["to"].name
        elif action.args.get("rename_from"):
            old, new = action.args["rename_from"].name, action.this.name
        if old and new and old != new:
            yield _column_renamed(name, old, new)
    yield from _references(tree, tables, foreign_keys)
    yield from _charsets(tree)
    for engine in tree.find_all(exp.EngineProperty):
        if engine.name.upper() != "INNODB":
            yield problem("UNSUPPORTED_FEATURE", f"the storage engine is {engine.name}")
    for column in tree.find_all(exp.ColumnDef):
        values = [value.name for value in column.args["kind"].expressions] if column.args.get("kind") else []
        if column.args.get("kind") and column.args["kind"].this.name in {"ENUM", "SET"}:
            for duplicate in sorted({value for value in values if values.count(value) > 1}):
                yield problem("DUPLICATE_ENUM_VALUE", f"{column.name} lists {duplicate!r} twice")


def _references(tree: Any, tables: Tables, allowed: bool) -> Iterator[Problem]:
    for reference in tree.find_all(exp.Reference):
        target = reference.find(exp.Table)
        if not allowed:
            yield problem("FOREIGN_KEYS_DISALLOWED", f"a foreign key refers to {target.name}")
        elif target.name not in tables.tables and target.name != _table(tree):
            yield problem(
                "FOREIGN_KEYS_NONEXISTENT_TABLE", f"a foreign key refers to {target.name}, which does not exist"
            )


def _charsets(tree: Any) -> Iterator[Problem]:
    kinds = (exp.CharacterSetColumnConstraint, exp.CharacterSetProperty)
    used = {match.this.name.lower() for match in tree.find_all(*kinds)}
    collations = (exp.CollateColumnConstraint, exp.CollateProperty)
    used |= {match.this.name.lower().partition("_")[0] for match in tree.find_all(*collations)}
    for charset in sorted(used - CHARSETS):
        yield problem("INVALID_CHARSET", f"the character set is {charset}")


def of_tables(tables: Tables, touched: set[str]) -> Iterator[tuple[str, Problem]]:
    """Problems of the tables after a migration."""
    for name in sorted(touched & tables.tables.keys()):
        table = tables.tables[name]
        primary = table.keys.get("PRIMARY")
        columns = (
            [(part.column, table.columns.get(part.column), part.length) for part in primary.parts] if primary else []
        )
        blob = next((column for column, its, _ in columns if its and its.blob), None)
        if blob and all(
            prefix for column, _, prefix in columns if column == blob
        ):  # without one MySQL refuses it: 1170
            yield name, problem("BLOB_IN_UNIQUE_KEY", f"the primary key of {name} has {blob}, a text or blob")
        elif partial := next((column for column, _, prefix in columns if prefix), None):
            yield name, problem("PARTIAL_KEY_IN_UNIQUE_KEY", f"the primary key of {name} has only a part of {partial}")
        elif not blob and table.columns and not any(table.usable(key) for key in table.keys.values()):
            yield name, problem("NO_UNIQUE_KEY", f"{name} has no unique key that is never null")
        if len(table.columns) > MAX_COLUMNS:
            yield name, problem("UNSUPPORTED_FEATURE", f"{name} has {len(table.columns):,} columns")
    for view, used in tables.views.items():
        for missing in sorted(used - tables.tables.keys() - tables.views.keys()):
            if view in touched or missing in touched:
                message = f"the view {view} reads {missing}, which does not exist"
                yield missing if missing in touched else view, problem("INVALID_TABLE_REFERENCED_IN_VIEW", message)
    if len(tables.tables) + len(tables.views) > MAX_TABLES and touched:
        views = f"{len(tables.views):,} view{'s' if len(tables.views) != 1 else ''}"
        yield min(touched), problem("UNSUPPORTED_FEATURE", f"there are {len(tables.tables):,} tables and {views}")


def _table_renamed(old: str, new: str) -> Problem:
    return Problem("RENAME_TABLE", f"{old} is renamed to {new}", RENAME_TABLE.format(old=old, new=new))


def _column_renamed(table: str, old: str, new: str) -> Problem:
    instead = RENAME_COLUMN.format(table=table, old=old, new=new)
    return Problem("RENAME_COLUMN", f"{table}.{old} is renamed to {new}", instead)


def _table(tree: Any) -> str:
    match = tree.find(exp.Table)
    return match.name if match else ""


def _short(sql: str) -> str:
    line = " ".join(sql.split())
    return line if len(line) < 70 else line[:69] + "…"
