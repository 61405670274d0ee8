"""Refused: view of a table that is not there."""

from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.execute("CREATE VIEW v AS SELECT id FROM customers")  # expect: INVALID_TABLE_REFERENCED_IN_VIEW
