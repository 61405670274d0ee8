"""What a rule says about a migration."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """What a statement or a table does that a rule forbids."""

    code: str
    what: str
    instead: str
