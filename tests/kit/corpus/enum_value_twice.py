"""Refused: enum value twice."""

from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.execute("ALTER TABLE orders MODIFY state ENUM('new','paid','new') NOT NULL")  # expect: DUPLICATE_ENUM_VALUE
