"""Refused: statements of an administrator."""

from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.execute("CREATE DATABASE other")  # expect: UNSUPPORTED_STATEMENT
    op.execute("GRANT ALL ON *.* TO me")  # expect: UNSUPPORTED_STATEMENT
    op.execute("SET GLOBAL max_connections = 5")  # expect: UNSUPPORTED_STATEMENT
    op.execute("LOAD DATA INFILE 'x' INTO TABLE users")  # expect: UNSUPPORTED_STATEMENT
