"""Taken as it is: change a type."""

import sqlalchemy as sa
from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.alter_column("users", "name", existing_type=sa.String(100), type_=sa.String(200), existing_nullable=True)
    op.alter_column(
        "orders", "state", existing_type=sa.Enum("new", "paid"), type_=sa.Enum("new", "paid", "sent"), nullable=False
    )
