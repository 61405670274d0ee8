"""Refused: rename a column."""

import sqlalchemy as sa
from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.alter_column("users", "name", new_column_name="full_name", existing_type=sa.String(100))  # expect: RENAME_COLUMN
