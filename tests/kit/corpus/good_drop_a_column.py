"""Taken as it is: drop a column."""

from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.drop_column("users", "bio")
