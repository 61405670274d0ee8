"""Refused: no key once its column is gone."""

from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.drop_column("orders", "id")  # expect: NO_UNIQUE_KEY
