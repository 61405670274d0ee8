"""Refused: json table."""

from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.execute(
        "CREATE VIEW v AS SELECT j.a FROM users, JSON_TABLE('[]', '$[*]' COLUMNS (a INT PATH '$')) j"
    )  # expect: UNSUPPORTED_FEATURE
