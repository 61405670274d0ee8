"""Refused: no key any more."""

import sqlalchemy as sa
from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.create_table("drafts", sa.Column("id", sa.BigInteger(), nullable=False), sa.PrimaryKeyConstraint("id"))
    op.execute("ALTER TABLE drafts DROP PRIMARY KEY")  # expect: MYSQL_1075, NO_UNIQUE_KEY
