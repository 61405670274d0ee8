"""Refused: rename a column in a batch."""

import sqlalchemy as sa
from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    with op.batch_alter_table("users") as batch:  # expect: RENAME_COLUMN
        batch.alter_column("email", new_column_name="address", existing_type=sa.String(255), existing_nullable=False)
