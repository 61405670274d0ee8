"""Taken as it is: an index renamed."""

from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.execute("ALTER TABLE orders RENAME INDEX ix_orders_user_id TO ix_user")
