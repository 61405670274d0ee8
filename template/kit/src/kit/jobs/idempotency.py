"""A job with a key has its effect once: the key is written in the job's own transaction.

Every `database.session()` of such a job joins one transaction, which also takes the key. A second run finds the key
and does nothing; of two at the same time, one commits and the other is rolled back.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from kit.db import database, transactions
from kit.db.server_clock import now
from kit.jobs.tables import keys

KEPT = timedelta(days=90)
"""For so long a key is remembered; a message lives 14 days in a queue and 14 more in its dead-letter queue."""


class AlreadyDone(Exception):
    """The key is taken: the effect is there."""


def digest(job: str, key: str) -> str:
    """One text for a job and a key; a database would compare the keys themselves without regard to case."""
    return hashlib.sha256(f"{job}\0{key}".encode()).hexdigest()


@contextmanager
def once(job: str, key: str) -> Iterator[None]:
    """Run the block in one transaction with the key; raises `AlreadyDone`, before or after it, if the key is taken."""
    taken = digest(job, key)
    with database.engine().connect() as connection:
        if connection.scalar(select(keys.c.digest).where(keys.c.digest == taken)):
            raise AlreadyDone
    with database.session() as session:
        with transactions.joining():
            yield
        try:
            session.execute(insert(keys).values(digest=taken, job=job, done_at=now()))
        except IntegrityError:
            raise AlreadyDone from None


def prune() -> None:
    """Forget the keys that are older than `KEPT`, in short transactions."""
    old = select(keys.c.digest).where(keys.c.done_at < now(-KEPT.total_seconds())).limit(500)
    while True:
        with database.engine().begin() as connection:
            found = list(connection.scalars(old))
            connection.execute(delete(keys).where(keys.c.digest.in_(found)))
        if len(found) < 500:
            return
