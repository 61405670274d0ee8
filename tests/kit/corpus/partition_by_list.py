"""Refused: partition by list."""

from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.execute(
        "CREATE TABLE e (r INT NOT NULL, PRIMARY KEY (r)) PARTITION BY LIST (r) (PARTITION a VALUES IN (1))"
    )  # expect: UNSUPPORTED_PARTITIONING_FEATURE
