"""Refused: data in a migration."""

import sqlalchemy as sa
from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.add_column("users", sa.Column("plan", sa.String(10), nullable=True))
    op.execute("UPDATE users SET plan = 'free'")  # expect: DATA_CHANGE
    op.bulk_insert(sa.table("users", sa.column("id", sa.BigInteger())), [{"id": 1}])  # expect: DATA_CHANGE
