"""Taken as it is: generated column and check."""

import sqlalchemy as sa
from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.add_column("orders", sa.Column("cents", sa.BigInteger(), sa.Computed("total * 100", persisted=True)))
    op.create_check_constraint("ck_total", "orders", "total >= 0")
