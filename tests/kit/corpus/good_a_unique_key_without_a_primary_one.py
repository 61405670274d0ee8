"""Taken as it is: a unique key without a primary one."""

import sqlalchemy as sa
from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.create_table(
        "tokens",
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("note", sa.JSON(), nullable=True),
        sa.UniqueConstraint("token"),
    )
