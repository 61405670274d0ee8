"""Refused: storage engine."""

import sqlalchemy as sa
from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.create_table(  # expect: UNSUPPORTED_FEATURE
        "cache",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        mysql_engine="MEMORY",
    )
    op.execute("ALTER TABLE users ENGINE = MyISAM")  # expect: UNSUPPORTED_FEATURE
