"""The messages on the wall."""

import sqlalchemy as sa
from alembic import op

from kit.db.types import BigKey, UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "messages",
        sa.Column("id", BigKey, primary_key=True),
        sa.Column("text", sa.String(280), nullable=False),
        sa.Column("posted_at", UtcDateTime(), nullable=False),
        sa.Column("picture", sa.Text(), nullable=True),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
    )


def downgrade() -> None:
    op.drop_table("messages")
