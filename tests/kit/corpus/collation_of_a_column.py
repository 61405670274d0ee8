"""Refused: collation of a column."""

import sqlalchemy as sa
from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.add_column("users", sa.Column("nick", sa.String(20, collation="cp1251_general_ci")))  # expect: INVALID_CHARSET
