"""Refused: a text as the key."""

import sqlalchemy as sa
from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.create_table(  # expect: MYSQL_1170
        "pages",
        sa.Column("path", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("path"),
    )
