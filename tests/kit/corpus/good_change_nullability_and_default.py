"""Taken as it is: change nullability and default."""

import sqlalchemy as sa
from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.alter_column("users", "name", existing_type=sa.String(100), nullable=False, server_default="")
    op.alter_column("orders", "total", existing_type=sa.Numeric(12, 2), server_default=None)
