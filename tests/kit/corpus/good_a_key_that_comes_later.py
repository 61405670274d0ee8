"""Taken as it is: a key that comes later."""

import sqlalchemy as sa
from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.create_table("events", sa.Column("id", sa.BigInteger(), nullable=False), sa.Column("what", sa.String(20)))
    op.create_primary_key("pk_events", "events", ["id"])
