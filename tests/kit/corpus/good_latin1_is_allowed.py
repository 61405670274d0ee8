"""Taken as it is: latin1 is allowed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.create_table(
        "codes",
        sa.Column("code", mysql.VARCHAR(20, charset="ascii", collation="ascii_bin"), nullable=False),
        sa.PrimaryKeyConstraint("code"),
        mysql_default_charset="latin1",
    )
