"""Refused: a join table without a key."""

import sqlalchemy as sa
from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.create_table(  # expect: FOREIGN_KEYS_DISALLOWED, FOREIGN_KEYS_DISALLOWED, NO_UNIQUE_KEY
        "favourites",
        sa.Column("user_id", sa.BigInteger(), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("order_id", sa.BigInteger(), sa.ForeignKey("orders.id"), nullable=False),
    )
