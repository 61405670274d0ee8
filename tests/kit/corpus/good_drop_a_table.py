"""Taken as it is: drop a table."""

from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.drop_index("ix_orders_user_id", table_name="orders")
    op.drop_table("orders")
