"""Refused: foreign key added."""

from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.create_foreign_key(
        "fk_user", "orders", "users", ["user_id"], ["id"], ondelete="CASCADE"
    )  # expect: FOREIGN_KEYS_DISALLOWED
