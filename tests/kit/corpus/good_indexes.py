"""Taken as it is: indexes."""

from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.create_index("ix_orders_state", "orders", ["state", "user_id"])
    op.create_index("ix_users_name", "users", ["name"], mysql_length=20)
    op.create_index("uq_users_name", "users", ["name"], unique=True)
    op.drop_index("ix_orders_user_id", table_name="orders")
