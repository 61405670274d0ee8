"""What a table consists of, as MySQL understands it: columns, keys, checks, foreign keys and options.

Two definitions that mean the same to MySQL are equal: `BOOL` is `TINYINT(1)`, `NUMERIC` is `DECIMAL(10, 0)`, and
`DEFAULT '0'` of a number is `DEFAULT 0`. Expressions are text in MySQL's dialect.
"""

from dataclasses import dataclass, field

BLOBS = {"TEXT", "TINYTEXT", "MEDIUMTEXT", "LONGTEXT", "BLOB", "TINYBLOB", "MEDIUMBLOB", "LONGBLOB", "JSON"}
TEXTS = {"CHAR", "VARCHAR", "TINYTEXT", "TEXT", "MEDIUMTEXT", "LONGTEXT", "ENUM", "SET"}
"""Types that have a character set and a collation."""
INTEGERS = {"TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT"}


@dataclass
class Column:
    """A column's definition."""

    type: str
    """The type's name without arguments, in capitals: `VARCHAR`."""
    arguments: tuple[str, ...] = ()
    """Length, precision and scale, or the members of an ENUM or a SET."""
    unsigned: bool = False
    nullable: bool = True
    default: str | None = None
    """The server's default as an SQL expression: `'x'`, `0`, `(UUID())`, `CURRENT_TIMESTAMP(6)`."""
    on_update: str | None = None
    computed: str | None = None
    """The expression of a generated column."""
    stored: bool = False
    """Whether a generated column is stored rather than computed when it is read."""
    auto_increment: bool = False
    comment: str = ""
    charset: str | None = None
    """The character set that the column names itself; `None` for the table's."""
    collation: str | None = None
    """The collation that the column names itself; `None` for the table's."""
    attributes: tuple[str, ...] = ()
    """What else is beside it, such as INVISIBLE."""

    @property
    def blob(self) -> bool:
        """Whether only a part of it can be indexed."""
        return self.type in BLOBS

    @property
    def sql_type(self) -> str:
        """The type with its arguments: `VARCHAR(280)`, `ENUM('a', 'b')`, `BIGINT UNSIGNED`."""
        members = self.type in {"ENUM", "SET"}
        arguments = ["'" + one.replace("'", "''") + "'" for one in self.arguments] if members else self.arguments
        return self.type + (f"({', '.join(arguments)})" if arguments else "") + (" UNSIGNED" if self.unsigned else "")

    @property
    def length(self) -> int | None:
        """The length of a CHAR, VARCHAR, BINARY or VARBINARY in characters or bytes."""
        return int(self.arguments[0]) if self.arguments and self.type.endswith(("CHAR", "BINARY")) else None


@dataclass(frozen=True)
class KeyPart:
    """A part of a key: a column, the beginning of one, or an expression."""

    column: str
    """Empty for an expression."""
    expression: str = ""
    length: int | None = None
    """How many characters or bytes of the column are indexed; `None` for all."""
    descending: bool = False


@dataclass
class Key:
    """An index or a key."""

    parts: list[KeyPart]
    kind: str = "INDEX"
    """`PRIMARY`, `UNIQUE`, `INDEX`, `FULLTEXT` or `SPATIAL`."""
    options: str = ""
    """What follows the parts, such as `WITH PARSER ngram`."""
    generated_name: bool = field(default=False, compare=False)
    """Whether MySQL chose its name."""

    @property
    def unique(self) -> bool:
        """Whether no two rows may have the same values."""
        return self.kind in {"PRIMARY", "UNIQUE"}

    @property
    def columns(self) -> list[str]:
        """The names of its columns, without expressions."""
        return [part.column for part in self.parts if part.column]


@dataclass
class Check:
    """A check constraint."""

    expression: str
    columns: frozenset[str] = field(default=frozenset(), compare=False)
    """The columns that the expression uses."""
    generated_name: bool = field(default=False, compare=False)
    """Whether MySQL chose its name."""


@dataclass
class ForeignKey:
    """A foreign key."""

    columns: list[str]
    table: str
    """The table that it refers to."""
    referred: list[str]
    on_delete: str = ""
    """Empty for the default, NO ACTION or RESTRICT, which mean the same to InnoDB."""
    on_update: str = ""
    generated_name: bool = field(default=False, compare=False)
    """Whether MySQL chose its name."""


@dataclass
class Table:
    """A table's columns, keys, checks and foreign keys by name."""

    columns: dict[str, Column] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    """All keys and indexes; the primary key's name is PRIMARY."""
    checks: dict[str, Check] = field(default_factory=dict)
    foreign_keys: dict[str, ForeignKey] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    """Table options by their name in capitals, such as ENGINE."""
    comment: str = ""
    charset: str | None = None
    """The character set that the table names; `None` for the database's."""
    collation: str | None = None
    """The collation that the table names; `None` for the default one of its character set."""
    unfollowed: list[str] = field(default_factory=list)
    """Statements about this table that could not be followed: what it looks like since is not known."""

    def add_key(self, name: str, key: Key) -> None:
        """Add a key; MySQL names one without a name after its first column, and numbers it if that is taken."""
        first, number = (key.parts[0].column or "functional_index") if key.parts else "", 2
        chosen = name or first
        while not name and chosen in self.keys:
            chosen, number = f"{first}_{number}", number + 1
        key.generated_name = not name
        self.keys[chosen] = key

    def make_primary_not_null(self) -> None:
        """Make the columns of the primary key NOT NULL, as MySQL does; they stay so when the key is dropped."""
        for name in self.keys["PRIMARY"].columns if "PRIMARY" in self.keys else ():
            if name in self.columns:
                self.columns[name].nullable = False

    def usable(self, key: Key) -> bool:
        """Whether the key identifies each row: nothing null, no blob, no prefix, no expression."""
        columns = [(self.columns.get(part.column), part.length) for part in key.parts]
        return key.unique and all(
            column and not length and not column.blob and not column.nullable for column, length in columns
        )
