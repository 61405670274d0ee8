"""The rule of a column type."""

from collections.abc import Callable, Sequence
from typing import NamedTuple


class Rule(NamedTuple):
    """The rule of one column. In its expressions, `{v}` is the column's value."""

    suspicious: str
    """True for every value that is refused or changed; cheap, because it is evaluated for each row."""
    refused: Sequence[tuple[str, str]]
    """Conditions under which a value is refused, each with what is wrong."""
    stored: str = "{v}"
    """What is stored of a value that isn't refused."""


Make = Callable[[list[int], bool], Rule]
"""Makes the rule of a type from the numbers in its parentheses, and from whether it is UNSIGNED."""
