"""Columns and tables that the app no longer uses, and that a later migration drops.

They are marked by their comment in the schema, which `schema drop` writes: see `kit.db.schema.drops`.
"""

MARK = "unused: "
"""How the comment of such a column or table begins."""


def is_unused(comment: str) -> bool:
    """Whether a column or table with this comment is to be dropped."""
    return comment.startswith(MARK)
