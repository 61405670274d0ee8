"""Refused: rename a table by hand."""

from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.execute("RENAME TABLE users TO accounts")  # expect: RENAME_TABLE
    op.execute("ALTER TABLE orders RENAME AS purchases")  # expect: RENAME_TABLE
