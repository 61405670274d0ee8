"""Taken as it is: view."""

from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.execute(
        "CREATE VIEW paid AS SELECT o.id, u.email FROM orders o JOIN users u ON u.id = o.user_id WHERE o.state = 'paid'"
    )
