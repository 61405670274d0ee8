"""Refused: charset of a column."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.add_column("users", sa.Column("kanji", mysql.VARCHAR(20, charset="sjis")))  # expect: INVALID_CHARSET
    op.execute("ALTER TABLE users CONVERT TO CHARACTER SET ucs2")  # expect: INVALID_CHARSET
