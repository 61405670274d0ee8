"""Refused: a prefix as the key."""

from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.execute(
        "CREATE TABLE pages (path VARCHAR(900) NOT NULL, PRIMARY KEY (path(100)))"
    )  # expect: PARTIAL_KEY_IN_UNIQUE_KEY
