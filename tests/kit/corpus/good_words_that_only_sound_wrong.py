"""Taken as it is: words that only sound wrong."""

import sqlalchemy as sa
from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.create_table(
        "triggers",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("procedure", sa.String(20), nullable=False, comment="RENAME TO, FOREIGN KEY, JSON_TABLE"),
        sa.Column("event", sa.String(20), server_default="PARTITION BY LIST", nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
