"""Refused: asks the database."""

import sqlalchemy as sa
from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    names = [row[0] for row in op.get_bind().execute(sa.text("SELECT name FROM users"))]  # expect: NOT_CHECKABLE
    assert names
