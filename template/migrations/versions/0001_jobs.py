"""Create the kit's tables for jobs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import MEDIUMTEXT

from kit.db.types import BigKey, UtcDateTime

revision = "0001"
down_revision = None

BODY = sa.Text().with_variant(MEDIUMTEXT(), "mysql")


def upgrade() -> None:
    op.create_table(
        "kit_jobs",
        sa.Column("number", BigKey, primary_key=True),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("queue", sa.String(80), nullable=False),
        sa.Column("job", sa.String(255), nullable=False),
        sa.Column("body", BODY, nullable=False),
        sa.Column("group_name", sa.String(128)),
        sa.Column("visible_at", UtcDateTime(), nullable=False),
        sa.Column("receipt", sa.String(32), nullable=False),
        sa.Column("receive_count", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reason", BODY),
        sa.Index("kit_jobs_next", "state", "visible_at"),
        sa.Index("kit_jobs_id", "id"),
        sa.Index("kit_jobs_receipt", "receipt"),
        comment="The database queue: messages that are waiting, running or dead.",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "kit_outbox",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("body", BODY, nullable=False),
        sa.Column("claimed_until", UtcDateTime(), nullable=False),
        sa.Index("kit_outbox_claimed_until", "claimed_until"),
        comment="Messages that are committed and not yet sent to SQS.",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "kit_idempotency_keys",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("job", sa.String(255), nullable=False),
        sa.Column("done_at", UtcDateTime(), nullable=False),
        sa.Index("kit_idempotency_keys_done_at", "done_at"),
        comment="Idempotency keys of jobs that have succeeded.",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "kit_schedule_runs",
        sa.Column("schedule", sa.String(64), primary_key=True),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("held_until", UtcDateTime(), nullable=False),
        sa.Column("next_at", UtcDateTime()),
        comment="Which run of a schedule is in progress, and (locally) when the next is due.",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
    )


def downgrade() -> None:
    for table in ("kit_schedule_runs", "kit_idempotency_keys", "kit_outbox", "kit_jobs"):
        op.drop_table(table)
