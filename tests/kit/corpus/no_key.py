"""Refused: no key."""

import sqlalchemy as sa
from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.create_table(
        "visits", sa.Column("user_id", sa.BigInteger()), sa.Column("day", sa.Date())
    )  # expect: NO_UNIQUE_KEY
