"""Taken as it is: partition by range."""

from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.execute(
        "CREATE TABLE days (d DATE NOT NULL, PRIMARY KEY (d)) PARTITION BY RANGE COLUMNS (d) (PARTITION p VALUES LESS THAN ('2030-01-01'))"
    )
