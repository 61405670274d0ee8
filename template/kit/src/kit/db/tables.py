"""The kit's own tables, beside yours in the same database; their names start with kit_.

Migrations are compared with them as with your models, so a table or column that a template update adds appears in your
next migration. They follow PlanetScale's rules: a primary key each, no foreign keys, no renames after a release.
"""

from sqlalchemy import Column, Index, Integer, MetaData, String, Table, Text
from sqlalchemy.dialects.mysql import MEDIUMTEXT

from kit.db.mysql import COLLATION
from kit.db.types import BigKey, UtcDateTime

metadata = MetaData()
Body = Text().with_variant(MEDIUMTEXT(), "mysql")
"""Text of up to 16 MB."""

jobs = Table(
    "kit_jobs",
    metadata,
    Column("number", BigKey, primary_key=True),
    Column("id", String(64), nullable=False),
    Column("queue", String(80), nullable=False),
    Column("job", String(255), nullable=False),
    Column("body", Body, nullable=False),
    Column("group_name", String(128)),
    Column("visible_at", UtcDateTime(), nullable=False),
    Column("receipt", String(32), nullable=False),
    Column("receive_count", Integer, nullable=False),
    Column("state", String(10), nullable=False),
    Column("reason", Body),
    Index("kit_jobs_next", "state", "visible_at"),
    Index("kit_jobs_id", "id"),
    Index("kit_jobs_receipt", "receipt"),
    comment="The database queue: messages that are waiting, running or dead.",
    mysql_charset="utf8mb4",
    mysql_collate=COLLATION,
    mysql_engine="InnoDB",
)
outbox = Table(
    "kit_outbox",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("body", Body, nullable=False),
    Column("claimed_until", UtcDateTime(), nullable=False),
    Index("kit_outbox_claimed_until", "claimed_until"),
    comment="Messages that are committed and not yet sent to SQS.",
    mysql_charset="utf8mb4",
    mysql_collate=COLLATION,
    mysql_engine="InnoDB",
)
idempotency_keys = Table(
    "kit_idempotency_keys",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("job", String(255), nullable=False),
    Column("done_at", UtcDateTime(), nullable=False),
    Index("kit_idempotency_keys_done_at", "done_at"),
    comment="Idempotency keys of jobs that have succeeded.",
    mysql_charset="utf8mb4",
    mysql_collate=COLLATION,
    mysql_engine="InnoDB",
)
schedule_runs = Table(
    "kit_schedule_runs",
    metadata,
    Column("schedule", String(64), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("held_until", UtcDateTime(), nullable=False),
    Column("next_at", UtcDateTime()),
    comment="Which run of a schedule is in progress, and (locally) when the next is due.",
    mysql_charset="utf8mb4",
    mysql_collate=COLLATION,
    mysql_engine="InnoDB",
)
