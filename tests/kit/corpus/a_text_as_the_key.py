"""Refused: a text as the key."""

import sqlalchemy as sa
from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.create_table(  # expect: BLOB_IN_UNIQUE_KEY
        "pages",
        sa.Column("path", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("path"),
    )
