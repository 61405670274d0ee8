"""Refused: rename a table."""

from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.rename_table("users", "accounts")  # expect: RENAME_TABLE
