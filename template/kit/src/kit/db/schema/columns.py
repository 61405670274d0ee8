"""Reads a column's definition from its tree, so that two that mean the same to MySQL are equal."""

import re
from typing import Any

from sqlalchemy.dialects import mysql
from sqlglot import exp

from kit.db.schema.definitions import INTEGERS, Column

_QUOTE = mysql.dialect().identifier_preparer.quote

_SAME_TYPE = {"REAL": "DOUBLE", "NVARCHAR": "VARCHAR", "NCHAR": "CHAR", "BOOLEAN": "TINYINT", "BOOL": "TINYINT"}
_ARGUMENTS = {"BOOLEAN": ("1",), "BOOL": ("1",), "CHAR": ("1",), "BINARY": ("1",), "BIT": ("1",), "DECIMAL": ("10",)}
"""What a type without arguments has. Source: dev.mysql.com/doc/refman/8.4/en/data-types.html"""
_ELSEWHERE = (exp.UniqueColumnConstraint, exp.CheckColumnConstraint, exp.Reference)
"""Constraints beside a column that are not its own."""
_SIZES = {"TINY": 2**8 - 1, "": 2**16 - 1, "MEDIUM": 2**24 - 1, "LONG": 2**32 - 1}
"""How many bytes fit into a TEXT or BLOB with this prefix."""
_BYTES_PER_CHARACTER = 4
"""Of utf8mb4."""


def is_serial(part: Any) -> bool:
    """Whether the type is SERIAL: BIGINT UNSIGNED NOT NULL AUTO_INCREMENT UNIQUE."""
    return bool(part.args["kind"].this.name == "SERIAL")


def definition(part: Any) -> tuple[Column, list[Any]]:
    """The column of a ColumnDef, and its constraints."""
    kinds = [constraint.args.get("kind") for constraint in part.args.get("constraints") or ()]
    column = _typed(part.args["kind"])
    if is_serial(part):
        column = Column("BIGINT", unsigned=True, nullable=False, auto_increment=True)
    for kind in kinds:
        if isinstance(kind, exp.NotNullColumnConstraint):
            column.nullable = bool(kind.args.get("allow_null"))
        elif isinstance(kind, exp.PrimaryKeyColumnConstraint):
            column.nullable = False
        elif isinstance(kind, exp.AutoIncrementColumnConstraint):
            column.auto_increment = True
        elif isinstance(kind, exp.DefaultColumnConstraint):
            column.default = default(column, kind.this)
        elif isinstance(kind, exp.OnUpdateColumnConstraint):
            column.on_update = _now(text_of(kind.this))
        elif isinstance(kind, exp.ComputedColumnConstraint):
            column.computed, column.stored = text_of(kind.this), bool(kind.args.get("persisted"))
        elif isinstance(kind, exp.GeneratedAsIdentityColumnConstraint) and kind.expression:
            column.computed = text_of(kind.expression)  # as sqlglot takes `GENERATED ALWAYS AS (…)` without VIRTUAL
        elif isinstance(kind, exp.CommentColumnConstraint):
            column.comment = kind.this.name
        elif isinstance(kind, exp.CharacterSetColumnConstraint):
            column.charset = kind.this.name.lower()
        elif isinstance(kind, exp.CollateColumnConstraint):
            column.collation = kind.this.name.lower()
            column.charset = column.collation.partition("_")[0]
        elif not isinstance(kind, _ELSEWHERE):
            column.attributes = (*column.attributes, kind.sql("mysql"))
    return column, kinds


def default(column: Column, node: Any) -> str | None:
    """The server's default: NULL is none, a number is without quotes and zeros, the present time has one name."""
    text = text_of(node, keep_parentheses=True)
    if text.upper() == "NULL":
        return None
    if text.upper() in {"TRUE", "FALSE"}:
        return str(int(text.upper() == "TRUE"))
    numeric = column.type in INTEGERS | {"DECIMAL", "FLOAT", "DOUBLE", "BIT"}
    if numeric and (match := re.fullmatch(r"'?(-?\d+)(?:\.(\d*?)0*)?'?", text)):
        return match[1] + (f".{match[2]}" if match[2] else "")
    return _now(text)


def text_of(node: Any, *, keep_parentheses: bool = False) -> str:
    """An expression as text: names quoted where MySQL needs it, functions in capitals, no outer parentheses."""
    copied = node.copy()
    while isinstance(copied, exp.Paren) and not keep_parentheses:
        copied = copied.this
    for identifier in copied.find_all(exp.Identifier):
        identifier.set("quoted", _QUOTE(identifier.name) != identifier.name)
    return str(copied.sql("mysql", comments=False))


def _now(text: str) -> str:
    """`CURRENT_TIMESTAMP`, however it is written; with its digits, if it has any."""
    name = r"(?:NOW|CURRENT_TIMESTAMP|LOCALTIME|LOCALTIMESTAMP)"
    match = re.fullmatch(rf"(\(?){name}(?:\((\d*)\))?\)?", text, re.IGNORECASE)
    if not match:
        return text
    digits = f"({match[2]})" if match[2] and match[2] != "0" else ""
    return f"(CURRENT_TIMESTAMP{digits})" if match[1] else f"CURRENT_TIMESTAMP{digits}"


def _typed(kind: Any) -> Column:
    text = kind.sql("mysql", comments=False)
    name = re.match(r"\w+", text)[0].upper()  # type: ignore[index]
    unsigned = text.upper().endswith(" UNSIGNED")
    arguments = tuple(one.name for one in kind.expressions) or _ARGUMENTS.get(name, ())
    charset = {"NVARCHAR": "utf8mb3", "NCHAR": "utf8mb3"}.get(kind.this.name)
    name = _SAME_TYPE.get(name, name)
    if name in INTEGERS and not (name == "TINYINT" and arguments == ("1",) and not unsigned):
        arguments = ()  # a display width
    elif name == "DECIMAL" and len(arguments) == 1:
        arguments = (arguments[0], "0")
    elif name == "FLOAT" and len(arguments) == 1:
        name, arguments = "FLOAT" if int(arguments[0]) <= 24 else "DOUBLE", ()
    elif (name in {"DATETIME", "TIMESTAMP", "TIME"} and arguments == ("0",)) or name == "YEAR":
        arguments = ()
    elif name in {"TEXT", "BLOB"} and arguments:
        size = int(arguments[0]) * (_BYTES_PER_CHARACTER if name == "TEXT" else 1)
        name, arguments = next((prefix for prefix, limit in _SIZES.items() if size <= limit), "LONG") + name, ()
    return Column(name, arguments, unsigned, charset=charset)
