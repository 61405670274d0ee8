"""The size of a row."""

from collections.abc import Iterator

from kit.db.mysql.rules import sizes
from kit.db.mysql.rules.message import refused
from kit.db.schema.definitions import Table
from kit.db.schema.problem import Problem

_MAX_ROW = 65_535
_MAX_ON_PAGE = 8_126
_ROW_OPTIONS = {
    "ROW_FORMAT": {"DEFAULT", "DYNAMIC", "COMPACT", "REDUNDANT", "COMPRESSED"},
    "KEY_BLOCK_SIZE": {"0", "1", "2", "4", "8", "16"},
}
"""What InnoDB takes of these table options."""
_HEADER, _TRANSACTION, _ROW_ID = 5, 13, 6
"""What InnoDB adds to a row: a header, the transaction, and an id where there is no other key."""


def of_table(name: str, table: Table) -> Iterator[Problem]:
    """Problems of the table's rows."""
    for option, allowed in _ROW_OPTIONS.items():
        if (value := table.options.get(option)) is not None and value.upper() not in allowed:
            yield refused(1031, f"{name} has {option}={value}")
    columns = list(table.columns.values())
    nulls = (sum(column.nullable for column in columns) + 7) // 8
    total = sum(sizes.in_server(column, table) for column in columns) + nulls
    if total > _MAX_ROW:
        yield refused(1118, f"a row of {name} takes {total:,} bytes")
        return
    stored = [column for column in columns if column.computed is None or column.stored]
    identified = any(table.usable(key) for key in table.keys.values())
    page = _HEADER + _TRANSACTION + (0 if identified else _ROW_ID) + (sum(one.nullable for one in stored) + 7) // 8
    page += sum(sizes.on_page(column, table) for column in stored)
    if page >= _MAX_ON_PAGE:
        yield refused(1118, f"a row of {name} takes {page:,} bytes on its page")
