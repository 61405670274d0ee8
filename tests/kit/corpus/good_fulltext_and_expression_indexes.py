"""Taken as it is: fulltext and expression indexes."""

import sqlalchemy as sa
from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.create_index("ft_users_bio", "users", ["bio"], mysql_prefix="FULLTEXT")
    op.create_index("ix_users_lower", "users", [sa.text("(lower(email))")])
