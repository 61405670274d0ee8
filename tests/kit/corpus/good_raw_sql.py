"""Taken as it is: raw sql."""

from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE users ADD COLUMN age SMALLINT UNSIGNED NULL COMMENT 'in years; rename never', ADD INDEX ix_age (age)"
    )
    op.execute("ALTER TABLE users MODIFY name VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci NULL")
    op.execute("ALTER TABLE users CHANGE COLUMN name name VARCHAR(150) NULL")
