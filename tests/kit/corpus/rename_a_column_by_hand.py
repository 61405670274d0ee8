"""Refused: rename a column by hand."""

from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.execute("ALTER TABLE users RENAME COLUMN bio TO about")  # expect: RENAME_COLUMN
    op.execute("ALTER TABLE users CHANGE `name` `title` VARCHAR(100) NULL")  # expect: RENAME_COLUMN
