"""Messages that are committed and not yet sent: rows of the transaction itself, deleted once SQS has the message.

The process that commits also sends. If it dies in between, or SQS cannot be reached, `sweep` sends them later. A death
between sending and deleting sends twice, which queues do anyway: with an idempotency key, the second run does nothing.
"""

import logging
from datetime import timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from kit import clock
from kit.db import database, transactions
from kit.db.tables import outbox
from kit.jobs.message import Delivery, Message, Unreadable
from kit.jobs.queues.base import Queues

log = logging.getLogger(__name__)

CLAIM = timedelta(seconds=60)
"""How long a row is left to the process that writes or sends it."""


def add(session: Session, messages: list[Message], queues: Queues) -> None:
    """Write messages in the open transaction, and send them after its commit."""
    until = clock.now() + CLAIM
    rows = [{"id": message.id, "body": message.to_json(), "claimed_until": until} for message in messages]
    session.execute(insert(outbox), rows)
    in_savepoint = session.in_nested_transaction()  # which may be rolled back although the rest is committed
    transactions.after_commit(lambda: _send_committed(messages, in_savepoint, queues))


def _send_committed(messages: list[Message], in_savepoint: bool, queues: Queues) -> None:
    try:
        if in_savepoint:
            with database.engine().connect() as connection:
                ids = set(connection.scalars(select(outbox.c.id).where(outbox.c.id.in_([m.id for m in messages]))))
            messages = [message for message in messages if message.id in ids]
        if messages:
            send(messages, queues)
    except Exception:
        log.exception("jobs are committed but could not be sent; they stay in the outbox and are sent later")


def send(messages: list[Message], queues: Queues) -> None:
    """Send messages that were enqueued in one call, then delete the rows of those that were accepted."""
    now = clock.now().timestamp()
    unsent = messages  # until proven otherwise: a job's time limit may interrupt here, too
    try:
        queues.send(messages, max(0.0, messages[0].ready - now))
        unsent = []
    except Exception as error:
        unsent = getattr(error, "unsent", messages)
        raise
    finally:
        kept = {message.id for message in unsent}
        _delete([message.id for message in messages if message.id not in kept])


def _delete(ids: list[str]) -> None:
    with database.engine().begin() as connection:
        connection.execute(delete(outbox).where(outbox.c.id.in_(ids)))


def sweep(queues: Queues, *, limit: int = 1000) -> int:
    """Send up to `limit` messages that were left behind, the oldest first; returns how many were sent.

    A row that cannot be sent does not block the others: an unreadable one goes to the dead-letter queue with its
    reason, a rejected one is retried in the next sweep, after the others. Raises `OSError` if the queue cannot be
    reached at all.
    """
    now = clock.now()
    unclaimed = select(outbox.c.id, outbox.c.body).where(outbox.c.claimed_until <= now)
    with database.engine().connect() as connection:
        rows = connection.execute(unclaimed.order_by(outbox.c.claimed_until).limit(limit)).all()
    sent = 0
    for row_id, body in rows:
        claim = update(outbox).where(outbox.c.id == row_id, outbox.c.claimed_until <= now)
        with database.engine().begin() as connection:
            claimed = connection.execute(claim.values(claimed_until=now + CLAIM)).rowcount == 1
        if claimed:
            sent += _send_row(row_id, body, queues)
    return sent


def _send_row(row_id: str, body: str, queues: Queues) -> bool:
    try:
        send([Message.from_json(body)], queues)
    except Unreadable as error:
        _dead_letter(row_id, body, f"a row of the outbox is unreadable: {error}", queues)
        return False
    except OSError:
        raise
    except Exception:
        log.exception("a job of the outbox could not be sent; it is retried later", extra={"job_id": row_id})
        return False
    return True


def _dead_letter(row_id: str, body: str, reason: str, queues: Queues) -> None:
    """Move an unreadable row to the dead-letter queue of the default queue, which every app has."""
    delivery = Delivery(body=body or " ", receipt="", receive_count=0, queue="default", id=row_id)
    try:
        queues.dead_letter(delivery, reason, None)
    except OSError:
        raise
    except Exception:
        log.exception("%s; it could not be sent to the dead-letter queue and stays", reason, extra={"job_id": row_id})
    else:
        log.error("%s; it was sent to the dead-letter queue", reason, extra={"job_id": row_id})
        _delete([row_id])
