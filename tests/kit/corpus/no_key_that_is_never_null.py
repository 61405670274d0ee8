"""Refused: no key that is never null."""

import sqlalchemy as sa
from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.create_table(  # expect: NO_UNIQUE_KEY
        "visits",
        sa.Column("code", sa.String(20), nullable=True),
        sa.UniqueConstraint("code"),
    )
