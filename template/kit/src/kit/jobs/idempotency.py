"""A job with an idempotency key has its effect once: the key is written in the job's own transaction.

Every `database.session()` of such a job joins one transaction, which also writes the key. A second run finds the key
and does nothing; if two run at the same time, one commits and the other is rolled back.
"""

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import registry

from kit.db import bulk, database, transactions
from kit.db.server_clock import now
from kit.db.tables import idempotency_keys

KEPT = timedelta(days=90)
"""How long a key is remembered; a message lives 14 days in a queue and 14 more in its dead-letter queue."""


class AlreadyDone(Exception):
    """A job with this key has succeeded before."""


class IdempotencyKey:
    """A row of `kit_idempotency_keys`."""

    digest: str


registry().map_imperatively(IdempotencyKey, idempotency_keys)


def digest(job: str, key: str) -> str:
    """A hash of a job's name and a key; a database would compare the keys themselves without regard to case."""
    return hashlib.sha256(f"{job}\0{key}".encode()).hexdigest()


@contextmanager
def once(job: str, key: str) -> Iterator[None]:
    """Run the block in one transaction with the key.

    Raises `AlreadyDone` if the key exists, before the block or when it is committed.
    """
    hashed = digest(job, key)
    with database.engine().connect() as connection:
        if connection.scalar(select(idempotency_keys.c.digest).where(idempotency_keys.c.digest == hashed)):
            raise AlreadyDone
    with database.session() as session:
        with transactions.joining():
            yield
        try:
            session.execute(insert(idempotency_keys).values(digest=hashed, job=job, done_at=now()))
        except IntegrityError:
            raise AlreadyDone from None


def once_if(job: str, key: str | None) -> AbstractContextManager[None]:
    """Like `once`, but a job without a key runs in whatever transactions it opens itself."""
    return nullcontext() if key is None else once(job, key)


def prune() -> None:
    """Delete the keys that are older than `KEPT`."""
    bulk.delete(IdempotencyKey, where=idempotency_keys.c.done_at < now(-KEPT.total_seconds()))
