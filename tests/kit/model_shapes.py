"""Tables as people write them, and what they change about them: before and after, each beside an `id`.

A shape is what stands in `Table("t", metadata, …)`; `T` is its name. A change without a `before` creates the table.
"""

import enum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import MetaData
from sqlalchemy.dialects import mysql

from kit.db.types import BigKey, UtcDateTime


class State(enum.Enum):
    NEW = 1
    PAID = 2


class Later(enum.Enum):
    NEW = 1
    PAID = 2
    GONE = 3


CHANGES = {
    # Columns
    "a column more": ('C("a", sa.String(10))', 'C("a", sa.String(10)), C("b", sa.Integer)'),
    "a column less": ('C("a", sa.String(10)), C("b", sa.Integer)', 'C("a", sa.String(10))'),
    "another column": ('C("a", sa.String(10))', 'C("b", sa.String(10))'),
    "a column of the kit's": ('C("a", sa.Integer)', 'C("a", sa.Integer), C("at", UtcDateTime)'),
    "a required column with a default": ('C("a", sa.Integer)', 'C("a", sa.Integer), C("n", sa.Integer, nullable=False, server_default="0")'),
    "longer": ('C("a", sa.String(10))', 'C("a", sa.String(20))'),
    "required": ('C("a", sa.String(10))', 'C("a", sa.String(10), nullable=False)'),
    "optional": ('C("a", UtcDateTime, nullable=False)', 'C("a", UtcDateTime)'),
    "optional, with all else": (
        'C("a", sa.String(10), nullable=False, server_default="x", comment="why: it\'s so")',
        'C("a", sa.String(10), server_default="x", comment="why: it\'s so")',
    ),
    "a word as its name": ('C("order", sa.Integer), C("group by", sa.Integer)', 'C("order", sa.String(9)), C("group by", sa.String(8))'),
    "an integer that grows": ('C("n", sa.Integer)', 'C("n", sa.BigInteger)'),
    "a small integer": ('C("n", sa.SmallInteger)', 'C("n", sa.Integer)'),
    "unsigned": ('C("n", sa.Integer)', 'C("n", sa.Integer().with_variant(mysql.INTEGER(unsigned=True), "mysql"))'),
    "tiny on MySQL": ('C("n", sa.SmallInteger().with_variant(mysql.TINYINT(), "mysql"))', 'C("n", sa.SmallInteger)'),
    "a boolean": ('C("a", sa.Integer)', 'C("a", sa.Integer), C("b", sa.Boolean, nullable=False, server_default=sa.false())'),
    "a boolean that was a number": ('C("b", sa.Integer)', 'C("b", sa.Boolean)'),
    "more digits": ('C("n", sa.Numeric(6, 2), server_default="1.50")', 'C("n", sa.Numeric(8, 3), server_default="1.50")'),
    "a double": ('C("n", sa.Float)', 'C("n", sa.Double)'),
    "a float by precision": ('C("n", sa.Float(20))', 'C("n", sa.Float(53))'),
    "microseconds": ('C("at", sa.DateTime)', 'C("at", sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql"))'),
    "a date": ('C("d", sa.Date)', 'C("d", sa.DateTime)'),
    "a time": ('C("t", sa.Time)', 'C("t", sa.Time().with_variant(mysql.TIME(fsp=3), "mysql"))'),
    "an interval": ('C("a", sa.Integer)', 'C("a", sa.Integer), C("i", sa.Interval)'),
    "bytes": ('C("b", sa.LargeBinary)', 'C("b", sa.LargeBinary(70_000))'),
    "bytes of a length": ('C("b", sa.LargeBinary().with_variant(mysql.VARBINARY(16), "mysql"))', 'C("b", sa.LargeBinary().with_variant(mysql.VARBINARY(32), "mysql"))'),
    "a longer text": ('C("a", sa.Text)', 'C("a", sa.Text(2_000_000))'),
    "a text by a variant": ('C("a", sa.Text)', 'C("a", sa.Text().with_variant(mysql.LONGTEXT(), "mysql"))'),
    "a text that was a string": ('C("a", sa.String(200))', 'C("a", sa.Text)'),
    "JSON": ('C("a", sa.Text)', 'C("a", sa.Text), C("j", sa.JSON, nullable=False)'),
    "a UUID": ('C("a", sa.Integer)', 'C("a", sa.Integer), C("u", sa.Uuid)'),
    "a fixed length": ('C("a", sa.CHAR(2))', 'C("a", sa.CHAR(3))'),
    "a collation on MySQL": ('C("a", sa.String(10))', 'C("a", sa.String(10).with_variant(mysql.VARCHAR(10, collation="utf8mb4_0900_ai_ci"), "mysql"))'),
    "no collation any more": ('C("a", sa.String(10).with_variant(mysql.VARCHAR(10, collation="utf8mb4_0900_ai_ci"), "mysql"))', 'C("a", sa.String(10))'),
    # Members of an Enum
    "a member more": ('C("s", sa.Enum("new", "paid", name="s"))', 'C("s", sa.Enum("new", "paid", "gone", name="s"))'),
    "a longer member more": ('C("s", sa.Enum("a", name="s"), nullable=False)', 'C("s", sa.Enum("a", "much longer", name="s"), nullable=False)'),
    "members in another order": ('C("s", sa.Enum("a", "b", name="s"))', 'C("s", sa.Enum("b", "a", name="s"))'),
    "a member of Python's": ('C("s", sa.Enum(State))', 'C("s", sa.Enum(Later))'),
    "a member with a quote": ('C("s", sa.Enum("it\'s", name="s"))', 'C("s", sa.Enum("it\'s", "a, b", name="s"))'),
    "an enum that was a string": ('C("s", sa.String(20))', 'C("s", sa.Enum("a", "b", name="s"))'),
    # Defaults
    "another default": ('C("a", sa.String(10), server_default="x")', 'C("a", sa.String(10), server_default="y")'),
    "a default more": ('C("n", sa.Integer)', 'C("n", sa.Integer, server_default="3")'),
    "a default less": ('C("n", sa.Integer, server_default="3")', 'C("n", sa.Integer)'),
    "a default that looks odd": ('C("a", sa.String(30))', 'C("a", sa.String(30), server_default="it\'s 5% of :this \\\\ that")'),
    "a default as SQL": ('C("n", sa.Integer, server_default=sa.text("1"))', 'C("n", sa.Integer, server_default=sa.text("2"))'),
    "the present time": ('C("at", sa.DateTime)', 'C("at", sa.DateTime, server_default=sa.func.now())'),
    "the present time, in new columns": ('C("a", sa.Integer)', 'C("a", sa.Integer), C("at", sa.DateTime, nullable=False, server_default=sa.func.now())'),
    "a default by an expression": ('C("a", sa.String(40))', 'C("a", sa.String(40), server_default=sa.func.lower("ABC"))'),
    # Computed columns
    "another expression": ('C("n", sa.Integer), C("m", sa.Integer, sa.Computed("n + 1"))', 'C("n", sa.Integer), C("m", sa.Integer, sa.Computed("n + 2"))'),
    "a computed column more": ('C("n", sa.Integer)', 'C("n", sa.Integer), C("m", sa.Integer, sa.Computed("n * 2", persisted=True))'),
    "stored now": ('C("n", sa.Integer), C("m", sa.Integer, sa.Computed("n * 2", persisted=False))', 'C("n", sa.Integer), C("m", sa.Integer, sa.Computed("n * 2", persisted=True))'),
    "another expression in an index": (
        'C("n", sa.Integer), C("m", sa.Integer, sa.Computed("n + 1"), index=True)',
        'C("n", sa.Integer), C("m", sa.Integer, sa.Computed("n + 2"), index=True)',
    ),
    "another type of a computed column": (
        'C("n", sa.Integer), C("m", sa.Integer, sa.Computed("n + 1"))',
        'C("n", sa.Integer), C("m", sa.BigInteger, sa.Computed("n + 1"), comment="one more")',
    ),
    # Checks
    "a check more": ('C("n", sa.Integer)', 'C("n", sa.Integer), sa.CheckConstraint("n > 0", name=f"{T}_n")'),
    "another check": ('C("n", sa.Integer), sa.CheckConstraint("n > 0", name=f"{T}_n")', 'C("n", sa.Integer), sa.CheckConstraint("n >= 0", name=f"{T}_n")'),
    "a check less": ('C("n", sa.Integer), sa.CheckConstraint("n > 0", name=f"{T}_n")', 'C("n", sa.Integer)'),
    "a check beside a column": ('C("n", sa.Integer)', 'C("n", sa.Integer, sa.CheckConstraint("n > 0"))'),
    "another check beside a column": ('C("n", sa.Integer, sa.CheckConstraint("n > 0"))', 'C("n", sa.Integer, sa.CheckConstraint("n > 1"))'),
    "a check before another without a name": (
        'C("n", sa.Integer), C("m", sa.Integer), sa.CheckConstraint("m > 0")',
        'C("n", sa.Integer), C("m", sa.Integer), sa.CheckConstraint("n <> 5"), sa.CheckConstraint("m > 0")',
    ),
    "a check with text": ('C("a", sa.String(9))', 'C("a", sa.String(9)), sa.CheckConstraint("a like \'%x:y%\' or a in (\'p\', \'q\')", name=f"{T}_a")'),
    "a check that survives a change": (
        'C("n", sa.Integer), C("a", sa.String(9)), sa.CheckConstraint("n > 0", name=f"{T}_n")',
        'C("n", sa.Integer), C("a", sa.String(8), nullable=False), sa.CheckConstraint("n > 0", name=f"{T}_n")',
    ),
    # Indexes
    "an index": ('C("a", sa.String(10))', 'C("a", sa.String(10), index=True)'),
    "an index less": ('C("a", sa.String(10), index=True)', 'C("a", sa.String(10))'),
    "an index of two": ('C("a", sa.Integer), C("b", sa.Integer)', 'C("a", sa.Integer), C("b", sa.Integer), sa.Index(f"{T}_ab", "a", "b")'),
    "an index that becomes unique": ('C("a", sa.Integer), sa.Index(f"{T}_a", "a")', 'C("a", sa.Integer), sa.Index(f"{T}_a", "a", unique=True)'),
    "an index on an expression": ('C("a", sa.String(10))', 'C("a", sa.String(10)), sa.Index(f"{T}_a", sa.func.lower(sa.text("a")))'),
    "a unique index on an expression, and a change": (
        'C("a", sa.String(10)), sa.Index(f"{T}_a", sa.func.lower(sa.text("a")), unique=True), C("b", sa.String(5))',
        'C("a", sa.String(10)), sa.Index(f"{T}_a", sa.func.lower(sa.text("a")), unique=True), C("b", sa.String(6))',
    ),
    "another expression of an index": (
        'C("a", sa.String(10)), sa.Index(f"{T}_a", sa.func.lower(sa.text("a")))',
        'C("a", sa.String(10)), sa.Index(f"{T}_a", sa.func.upper(sa.text("a")))',
    ),
    "an index that descends": ('C("day", sa.Date)', 'C("day", sa.Date), sa.Index(f"{T}_day", sa.text("day DESC"))'),
    "an index with a prefix": ('C("a", sa.Text)', 'C("a", sa.Text), sa.Index(f"{T}_a", "a", mysql_length=20)'),
    "a longer prefix": ('C("a", sa.Text), sa.Index(f"{T}_a", "a", mysql_length=20)', 'C("a", sa.Text), sa.Index(f"{T}_a", "a", mysql_length={"a": 30})'),
    "an index for words": ('C("a", sa.Text)', 'C("a", sa.Text), sa.Index(f"{T}_a", "a", mysql_prefix="FULLTEXT")'),
    "another parser for words": (
        'C("a", sa.Text), sa.Index(f"{T}_a", "a", mysql_prefix="FULLTEXT")',
        'C("a", sa.Text), sa.Index(f"{T}_a", "a", mysql_prefix="FULLTEXT", mysql_with_parser="ngram")',
    ),
    "a check and an index of functions": (
        'C("a", sa.String(9)), C("b", sa.String(9))',
        'C("a", sa.String(9)), C("b", sa.String(9)), sa.CheckConstraint(sa.func.char_length(sa.column("a")) > 2, name=f"{T}_a"), sa.Index(f"{T}_ab", sa.column("a", sa.String) + sa.column("b", sa.String))',
    ),
    # Uniqueness and foreign keys
    "unique": ('C("a", sa.String(10))', 'C("a", sa.String(10), unique=True)'),
    "unique no more": ('C("a", sa.String(10), unique=True)', 'C("a", sa.String(10))'),
    "unique by name": ('C("a", sa.Integer), C("b", sa.Integer)', 'C("a", sa.Integer), C("b", sa.Integer), sa.UniqueConstraint("a", "b", name=f"{T}_uq")'),
    "unique together with another": (
        'C("a", sa.Integer), C("b", sa.Integer), sa.UniqueConstraint("a", name=f"{T}_uq")',
        'C("a", sa.Integer), C("b", sa.Integer), sa.UniqueConstraint("a", "b", name=f"{T}_uq")',
    ),
    "a foreign key": ('C("u", sa.BigInteger)', 'C("u", sa.BigInteger, sa.ForeignKey("users.id", name=f"{T}_u"), index=True)'),
    "a foreign key that cascades": (
        'C("u", sa.BigInteger, sa.ForeignKey("users.id", name=f"{T}_u"), index=True)',
        'C("u", sa.BigInteger, sa.ForeignKey("users.id", name=f"{T}_u", ondelete="CASCADE"), index=True)',
    ),
    "a foreign key less": (
        'C("u", sa.BigInteger, sa.ForeignKey("users.id"), index=True)', 'C("u", sa.BigInteger, index=True)',
    ),
    # Tables
    "a table's comment": ('C("a", sa.Integer)', 'C("a", sa.Integer), comment="It\'s 100 % new"'),
    "a column's comment": ('C("a", sa.Integer)', 'C("a", sa.Integer, comment="a: b")'),
    "another primary key": (
        'C("a", sa.Integer, nullable=False), C("b", sa.Integer, nullable=False), sa.PrimaryKeyConstraint("a"), without_id=True',
        'C("a", sa.Integer, nullable=False), C("b", sa.Integer, nullable=False), sa.PrimaryKeyConstraint("a", "b"), without_id=True',
    ),
    "a table's collation": ('C("a", sa.String(9)), mysql_collate="utf8mb4_0900_ai_ci"', 'C("a", sa.String(9)), mysql_collate="utf8mb4_0900_bin"'),
    "a check that a type brings": (
        'C("b", sa.Boolean)', 'C("b", sa.Boolean), C("c", sa.Boolean(create_constraint=True, name=f"{T}_c"))',
    ),
    "a table more": ("", 'C("a", sa.String(10), unique=True), C("b", sa.Text), sa.CheckConstraint("a <> \'\'")'),
    "a table less": ('C("a", sa.Enum("x", name="s"), nullable=False, server_default="x"), C("at", UtcDateTime, index=True)', ""),
    "a column with a foreign key and an index less": (
        'C("a", sa.Integer), C("u", sa.BigInteger, sa.ForeignKey("users.id"), index=True), sa.CheckConstraint("a > 0")',
        'C("a", sa.Integer), sa.CheckConstraint("a > 0")',
    ),
    "many things at once": (
        'C("a", sa.String(10), index=True), C("b", sa.Integer), C("c", sa.Text), sa.CheckConstraint("b > 0", name=f"{T}_b")',
        'C("a", sa.String(12), unique=True), C("b", sa.BigInteger, server_default="7"), C("d", sa.Text(100_000), comment="d"), sa.CheckConstraint("b > 1", name=f"{T}_b"), sa.Index(f"{T}_d", "b", "a")',
    ),
}  # fmt: skip


def metadata(side: int, names: list[str] | None = None) -> MetaData:
    """The tables of all changes, before (0) or after (1) them."""
    tables = MetaData()
    sa.Table("users", tables, sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False))
    for number, (name, shapes) in enumerate(CHANGES.items()):
        if (names is None or name in names) and shapes[side]:
            namespace = {"sa": sa, "mysql": mysql, "C": sa.Column, "BigKey": BigKey, "UtcDateTime": UtcDateTime}
            namespace |= {"State": State, "Later": Later, "T": f"t{number:02}", "make": _arguments}
            arguments, options = eval(f"make({shapes[side]})", namespace)  # noqa: S307
            sa.Table(f"t{number:02}", tables, *arguments, **options)
    return tables


def _arguments(*arguments: Any, without_id: bool = False, **options: str) -> tuple[list[Any], dict[str, str]]:
    return [*([] if without_id else [sa.Column("id", BigKey, primary_key=True)]), *arguments], options
