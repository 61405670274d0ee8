"""Types that MySQL takes, and in which it changes values without a word.

A bare FLOAT has 24 bits, a bare DATETIME, TIMESTAMP or TIME whole seconds, and a bare NUMERIC no digit after the point.
"""

from collections.abc import Iterator
from typing import Any

from sqlglot import exp

from kit.db.mysql.rules.types import is_column
from kit.db.schema.columns import definition
from kit.db.schema.problem import Problem

_BARE = {
    "FLOAT": ("INEXACT_FLOAT", "FLOAT, which keeps 7 digits", "Use Double: Mapped[float], or sa.Double()."),
    "DATETIME": (
        "INEXACT_TIME",
        "DATETIME, which rounds to seconds",
        "Use kit.db.types.UtcDateTime, or a variant with mysql.DATETIME(fsp=6).",
    ),
    "TIMESTAMP": ("INEXACT_TIME", "TIMESTAMP, which rounds to seconds", "Use kit.db.types.UtcDateTime."),
    "TIME": ("INEXACT_TIME", "TIME, which drops fractions of a second", "Use a variant with mysql.TIME(fsp=6)."),
    "DECIMAL": (
        "INEXACT_DECIMAL",
        "DECIMAL(10, 0), which rounds to whole numbers",
        "Give precision and scale: Numeric(12, 2).",
    ),
}
_OVERRULE = " If that is intended, say why beside the statement: # inexact: …"


def of_statement(tree: Any) -> Iterator[tuple[str, Problem]]:
    """Columns of such a type, each with its problem."""
    for part in tree.find_all(exp.ColumnDef):
        if not is_column(part) or part.args["kind"].expressions:
            continue
        column, _ = definition(part)
        if column.type in _BARE and column.computed is None:
            code, what, instead = _BARE[column.type]
            yield part.name, Problem(code, f"{part.name} is {what}", instead + _OVERRULE)
