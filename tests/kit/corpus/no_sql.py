"""Refused: no sql."""

from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.execute("ALTER TABEL users ADD COLUMN a INT")  # expect: NOT_CHECKABLE
