"""A column's definition on MySQL as a type of SQLAlchemy's that SQLite has too, for downgrades."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlglot import exp

from kit.db.schema import columns
from kit.db.schema.definitions import TEXTS, Column
from kit.db.schema.parse import parse

_GENERIC: dict[str, Any] = {
    "BIGINT": sa.BigInteger,
    "BLOB": sa.LargeBinary,
    "DATE": sa.Date,
    "DATETIME": sa.DateTime,
    "DOUBLE": sa.Double,
    "FLOAT": sa.Float,
    "INT": sa.Integer,
    "JSON": sa.JSON,
    "SMALLINT": sa.SmallInteger,
    "TEXT": sa.Text,
    "TIME": sa.Time,
    "TINYINT": sa.SmallInteger,
    "TIMESTAMP": sa.TIMESTAMP,
}
"""Types that every database has by the name that MySQL gives them, without arguments."""


def type_of(column: Column) -> sa.types.TypeEngine[Any]:
    """Return a type that becomes exactly this one on MySQL."""
    plain: sa.types.TypeEngine[Any] = _portable(column)
    if column.auto_increment and column.type != "INT":  # SQLite numbers rows by itself only in an INTEGER column
        plain = plain.with_variant(sa.Integer(), "sqlite")
    if _on_mysql(plain) == column.sql_type and not (column.charset or column.collation):
        return plain
    return plain.with_variant(_own(column), "mysql")


def _on_mysql(plain: sa.types.TypeEngine[Any]) -> str:
    tree = parse(f"CREATE TABLE t (c {plain.compile(dialect=mysql.dialect())})")
    return columns.definition(tree.find(exp.ColumnDef))[0].sql_type


def _portable(column: Column) -> Any:
    arguments: list[Any] = [int(one) for one in column.arguments if one.isdecimal()]
    if column.type == "TINYINT" and column.arguments == ("1",):
        return sa.Boolean()
    if column.type == "ENUM":
        return sa.Enum(*column.arguments)
    if column.type == "DECIMAL":
        return sa.Numeric(*arguments)
    if column.type in {"VARCHAR", "CHAR"}:
        return (sa.String if column.type == "VARCHAR" else sa.CHAR)(*arguments)
    if column.type in _GENERIC:
        return _GENERIC[column.type]()
    if column.type.endswith("INT") or column.type in {"YEAR", "BIT"}:
        return sa.Integer()
    return sa.LargeBinary() if column.type.endswith(("BLOB", "BINARY")) else sa.Text()


def _own(column: Column) -> Any:
    """The type of SQLAlchemy's MySQL dialect."""
    cls = getattr(mysql, {"INT": "INTEGER"}.get(column.type, column.type))
    options: dict[str, Any] = {"unsigned": True} if column.unsigned else {}
    if column.type in TEXTS and column.collation:
        options["collation"] = column.collation
    elif column.type in TEXTS and column.charset:
        options["charset"] = column.charset
    if column.type in {"DATETIME", "TIMESTAMP", "TIME"}:
        return cls(fsp=int(column.arguments[0])) if column.arguments else cls()
    if column.type in {"ENUM", "SET"}:
        return cls(*column.arguments, **options)
    return cls(*(int(one) for one in column.arguments), **options)
