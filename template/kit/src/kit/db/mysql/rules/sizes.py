"""How many bytes a column takes in an index and in a row.

Source: dev.mysql.com/doc/refman/8.4/en/storage-requirements.html
"""

from kit.db.mysql.rules.types import width
from kit.db.schema.definitions import Column, Table

_FIXED = {
    "TINYINT": 1,
    "SMALLINT": 2,
    "MEDIUMINT": 3,
    "INT": 4,
    "BIGINT": 8,
    "FLOAT": 4,
    "DOUBLE": 8,
    "YEAR": 1,
    "DATE": 3,
    "DATETIME": 5,
    "TIMESTAMP": 4,
    "TIME": 3,
}
POINTERS = {
    "TINYTEXT": 9,
    "TINYBLOB": 9,
    "TEXT": 10,
    "BLOB": 10,
    "MEDIUMTEXT": 11,
    "MEDIUMBLOB": 11,
    "LONGTEXT": 12,
    "LONGBLOB": 12,
    "JSON": 12,
}
"""What a column whose value is kept outside of the row takes in it."""
_BYTES_OF_DIGITS = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4]


def content(column: Column, table: Table) -> int:
    """The bytes of the longest value of a column that isn't a TEXT, BLOB or JSON."""
    if column.type in {"CHAR", "VARCHAR"}:
        return (column.length or 0) * width(column, table)
    if column.type in {"BINARY", "VARBINARY"}:
        return column.length or 0
    if column.type == "DECIMAL":
        digits, scale = (int(one) for one in column.arguments)
        return sum(count // 9 * 4 + _BYTES_OF_DIGITS[count % 9] for count in (digits - scale, scale))
    if column.type == "BIT":
        return (int((column.arguments or ("1",))[0]) + 7) // 8
    if column.type == "ENUM":
        return 1 if len(column.arguments) < 256 else 2
    if column.type == "SET":
        return next(size for size in (1, 2, 3, 4, 8) if len(column.arguments) <= size * 8 or size == 8)
    fraction = (int(column.arguments[0]) + 1) // 2 if column.arguments and column.type in _FIXED else 0
    return _FIXED.get(column.type, 0) + (fraction if column.type in {"DATETIME", "TIMESTAMP", "TIME"} else 0)


def in_server(column: Column, table: Table) -> int:
    """The bytes in a row as the server counts them, up to 65,535."""
    size = POINTERS.get(column.type) or content(column, table)
    if column.type in {"VARCHAR", "VARBINARY"}:
        return size + (1 if size < 256 else 2)
    return size


def on_page(column: Column, table: Table) -> int:
    """The most bytes that a column takes on its page, as InnoDB counts them: a long one is kept elsewhere.

    Source: `get_field_max_size` in storage/innobase/dict/dict0dict.cc
    """
    size = content(column, table)
    fixed = column.type not in {"VARCHAR", "VARBINARY"} and (column.type != "CHAR" or width(column, table) == 1)
    if column.type not in POINTERS and fixed:
        return size
    return 41 if column.type in POINTERS or size > 40 else size + 1
