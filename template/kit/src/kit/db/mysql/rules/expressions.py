"""Generated columns, checks, and indexes on expressions."""

import re
from collections.abc import Iterator
from typing import Any

from sqlglot import exp

from kit.db.mysql.rules.message import refused
from kit.db.schema.definitions import BLOBS, Table
from kit.db.schema.parse import bare, parse
from kit.db.schema.problem import Problem

_DISALLOWED = (
    r"\b(?:CURRENT_DATE|CURRENT_TIME|CURRENT_TIMESTAMP|CURRENT_USER|LOCALTIME|LOCALTIMESTAMP|UTC_DATE|UTC_TIME|"
    r"UTC_TIMESTAMP)\b|\b(?:NOW|SYSDATE|CURDATE|CURTIME|RAND|UUID|UUID_SHORT|USER|SESSION_USER|SYSTEM_USER|DATABASE|"
    r"SCHEMA|VERSION|CONNECTION_ID|LAST_INSERT_ID|FOUND_ROWS|ROW_COUNT|UNIX_TIMESTAMP|MD5|SHA|SHA1|SLEEP|BENCHMARK|"
    r"GET_LOCK|RELEASE_LOCK|IS_FREE_LOCK|IS_USED_LOCK|LOAD_FILE|RANDOM_BYTES|CURRENT_ROLE)\s*\("
)
"""Functions that MySQL refuses in each of them. Source: errors 3763, 3758 and 3814 of a server."""
LONGEST_TEXT = 512
"""Characters of an expression's text from which on MySQL takes it for a TEXT."""
_NUMERIC = (
    exp.Add,
    exp.Sub,
    exp.Mul,
    exp.Div,
    exp.Mod,
    exp.Neg,
    exp.Literal,
    exp.Column,
    exp.Length,
    exp.Case,
    exp.Func,
)
_TRUTHS = (exp.Predicate, exp.Connector, exp.Not, exp.Boolean, exp.RegexpLike, exp.Anonymous, exp.Is, exp.Exists)


def of_table(name: str, table: Table) -> Iterator[Problem]:
    """Problems of the table's expressions."""
    yield from _generated(name, table)
    yield from _defaults(name, table)
    for check_name, check in table.checks.items():
        yield from _check(f"the check {check_name} of {name}", check.expression, table)
    for key_name, key in table.keys.items():
        for part in key.parts:
            if part.expression:
                label = f"the index {key_name} of {name}"
                yield from _indexed(label, part.expression, table, primary=key.kind == "PRIMARY")


def columns_of(expression: str) -> set[str]:
    """The columns that an expression names, in small letters; none if it cannot be parsed."""
    tree = _tree(expression)
    return {column.name.lower() for column in tree.find_all(exp.Column)} if tree is not None else set()


def _tree(expression: str) -> Any:
    statement = parse(f"SELECT ({expression})")
    return statement.expressions[0].unnest() if isinstance(statement, exp.Select) else None


def disallowed(expression: str) -> str | None:
    """The function in an expression that no generated column, check or index may use."""
    match = re.search(_DISALLOWED, bare(expression), re.IGNORECASE)
    return match[0].rstrip("( ").upper() if match else None


def _generated(name: str, table: Table) -> Iterator[Problem]:
    known = {column.lower(): definition for column, definition in table.columns.items()}
    before: set[str] = set()
    for column_name, column in table.columns.items():
        before.add(column_name.lower())
        if column.computed is None:
            continue
        what = f"{name}.{column_name} is generated"
        if function := disallowed(column.computed):
            yield refused(3763, f"{what} with {function}")
        elif "@" in bare(column.computed):
            yield refused(3772, f"{what} with a variable")
        elif _has_subquery(column.computed):
            yield refused(3102, f"{what} with a subquery")
        for used in sorted(columns_of(column.computed)):
            if used not in known:
                yield refused(1054, f"{what} from {used}, which does not exist")
            elif known[used].auto_increment:
                yield refused(3109, f"{what} from {used}, which has AUTO_INCREMENT")
            elif known[used].computed is not None and used not in before - {column_name.lower()}:
                yield refused(3107, f"{what} from {used}, which is defined after it")
        primary = table.keys.get("PRIMARY")
        if not column.stored and primary and column_name.lower() in {one.lower() for one in primary.columns}:
            yield refused(3106, f"{what} when it is read, and in the primary key")


def _check(label: str, expression: str, table: Table) -> Iterator[Problem]:
    known = {column.lower(): definition for column, definition in table.columns.items()}
    tree = _tree(expression)
    if function := disallowed(expression):
        yield refused(3814, f"{label} uses {function}")
    elif _has_subquery(expression):
        yield refused(3815, f"{label} has a subquery")
    elif tree is not None and isinstance(tree, _NUMERIC) and not isinstance(tree, _TRUTHS) and not _is_json(tree):
        yield refused(3812, f"{label} is {expression}, which is neither true nor false")
    for used in sorted(columns_of(expression)):
        if used not in known:
            yield refused(3820, f"{label} names the column {used}, which does not exist")
        elif known[used].auto_increment:
            yield refused(3818, f"{label} names {used}, which has AUTO_INCREMENT")


def _is_json(tree: Any) -> bool:
    """Whether it is a function of JSON, some of which are true or false."""
    return isinstance(tree, exp.Func) and "JSON" in type(tree).__name__.upper()


def _indexed(label: str, expression: str, table: Table, *, primary: bool) -> Iterator[Problem]:
    tree = _tree(expression)
    if primary:
        yield refused(3756, f"{label} is on {expression}")
    elif isinstance(tree, exp.Column):
        yield refused(3762, f"{label} is on ({expression})")
    elif function := disallowed(expression):
        yield refused(3758, f"{label} uses {function}")
    elif isinstance(tree, exp.JSONExtract) and "->>" not in expression and "UNQUOTE" not in expression.upper():
        yield refused(3753, f"{label} is on {expression}, which gives JSON")
    elif (length := _text_length(tree, table)) is not None and length > LONGEST_TEXT:
        yield refused(3757, f"{label} is on {expression}, which gives more than {LONGEST_TEXT} characters")
    known = {column.lower() for column in table.columns}
    for used in sorted(columns_of(expression) - known):
        yield refused(1054, f"{label} names the column {used}, which does not exist")


def _defaults(name: str, table: Table) -> Iterator[Problem]:
    known = {column.lower(): definition for column, definition in table.columns.items()}
    before: set[str] = set()
    for column_name, column in table.columns.items():
        for used in sorted(columns_of(column.default or "") if (column.default or "").startswith("(") else ()):
            what = f"the default of {name}.{column_name} names {used}"
            if used not in known:
                yield refused(1054, f"{what}, which does not exist")
            elif used not in before and (known[used].computed or (known[used].default or "").startswith("(")):
                yield refused(3767, f"{what}, which is computed after it")
        before.add(column_name.lower())


def _has_subquery(expression: str) -> bool:
    tree = _tree(expression)
    return tree is not None and (isinstance(tree, exp.Select | exp.Subquery) or tree.find(exp.Select) is not None)


def text_length(expression: str, table: Table) -> int | None:
    """The most characters that an expression gives; `None` if it isn't text, or not known."""
    return _text_length(_tree(expression), table)


def _text_length(tree: Any, table: Table) -> int | None:
    """The most characters that an expression gives; `None` if it isn't text, or not known."""
    endless = 2**32
    if isinstance(tree, exp.Paren | exp.Lower | exp.Upper | exp.Trim):
        return _text_length(tree.this, table)
    if isinstance(tree, exp.Column):
        column = next((one for name, one in table.columns.items() if name.lower() == tree.name.lower()), None)
        if column is None:
            return None
        return endless if column.type in BLOBS else (column.length if column.type.endswith("CHAR") else None)
    if isinstance(tree, exp.JSONExtractScalar) or (
        isinstance(tree, exp.Anonymous | exp.Func) and "UNQUOTE" in tree.sql("mysql").upper()[:14]
    ):
        return endless
    if isinstance(tree, exp.Literal):
        return len(tree.name) if tree.is_string else None
    if isinstance(tree, exp.Concat | exp.Coalesce):
        parts = [tree.this, *tree.expressions] if isinstance(tree, exp.Coalesce) else tree.expressions
        lengths = [_text_length(part, table) for part in parts]
        known = [length for length in lengths if length is not None]
        return (max(known) if isinstance(tree, exp.Coalesce) else sum(known)) if len(known) == len(lengths) else None
    if isinstance(tree, exp.Left | exp.Right | exp.Substring):
        count = tree.args.get("length") if isinstance(tree, exp.Substring) else tree.expression
        whole = _text_length(tree.this, table)
        return min(int(count.name), whole) if whole is not None and count is not None and count.name.isdigit() else None
    return None


def of_alteration(name: str, before: Table, after: Table) -> Iterator[Problem]:
    """Problems of what a statement drops or changes under expressions that use it."""
    gone = {column.lower() for column in before.columns} - {column.lower() for column in after.columns}
    for column in sorted(gone):
        if any(one.computed and column in columns_of(one.computed) for one in after.columns.values()):
            yield refused(3108, f"{name}.{column} is dropped, and a generated column uses it")
        for check_name, check in after.checks.items():
            if column in {one.lower() for one in check.columns}:
                yield refused(3959, f"{name}.{column} is dropped, and the check {check_name} uses it")
        for key_name, key in after.keys.items():
            if any(part.expression and column in columns_of(part.expression) for part in key.parts):
                yield refused(3837, f"{name}.{column} is dropped, and the index {key_name} uses it")
    for column_name in before.columns.keys() & after.columns.keys():
        old, new = before.columns[column_name], after.columns[column_name]
        virtual = [one.computed is not None and not one.stored for one in (old, new)]
        if virtual[0] != virtual[1]:
            yield refused(3106, f"{name}.{column_name} begins or ceases to be generated when it is read")
