"""Taken as it is: swap the primary key."""

from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE users MODIFY id BIGINT NOT NULL, DROP PRIMARY KEY, ADD COLUMN uid BINARY(16) NOT NULL, ADD PRIMARY KEY (uid)"
    )
