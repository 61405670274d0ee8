"""Taken as it is: add a column in a batch."""

import sqlalchemy as sa
from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    with op.batch_alter_table("users") as batch:
        batch.add_column(sa.Column("slug", sa.String(80), nullable=True))
        batch.create_unique_constraint("uq_users_slug", ["slug"])
        batch.alter_column("name", existing_type=sa.String(100), nullable=False)
