"""Refused: the only key becomes nullable."""

import sqlalchemy as sa
from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.create_table("codes", sa.Column("code", sa.String(9), nullable=False), sa.UniqueConstraint("code"))
    op.alter_column("codes", "code", existing_type=sa.String(9), nullable=True)  # expect: NO_UNIQUE_KEY
