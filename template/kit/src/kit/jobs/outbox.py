"""What is committed and not yet sent: a row in the transaction itself, deleted once SQS has the message.

Whoever commits also sends. If it dies in between, or SQS cannot be reached, `sweep` sends later. A death between
sending and deleting sends twice, which queues do anyway: a `key` makes the second run do nothing.
"""

import logging
from datetime import timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from kit import clock
from kit.db import database, transactions
from kit.jobs.message import Delivery, Message, Queues, Unreadable
from kit.jobs.tables import outbox

log = logging.getLogger(__name__)

CLAIM = timedelta(seconds=60)
"""For so long a row is left to the one who writes or sends it."""


def keep(session: Session, messages: list[Message]) -> None:
    """Write messages in the open transaction, and send them after its commit."""
    until = clock.now() + CLAIM
    rows = [{"id": message.id, "body": message.to_json(), "claimed_until": until} for message in messages]
    session.execute(insert(outbox), rows)
    in_savepoint = session.in_nested_transaction()  # its rows may be rolled back although the rest is committed
    transactions.after_commit(lambda: _send_committed(messages, in_savepoint))


def _send_committed(messages: list[Message], in_savepoint: bool) -> None:
    from kit.jobs.enqueue import queues

    try:
        if in_savepoint:
            with database.engine().connect() as connection:
                kept = set(connection.scalars(select(outbox.c.id).where(outbox.c.id.in_([m.id for m in messages]))))
            messages = [message for message in messages if message.id in kept]
        if messages:
            send(messages, queues())
    except Exception:
        log.exception("jobs are committed but could not be sent; they wait in the outbox and are sent later")


def send(messages: list[Message], to: Queues) -> None:
    """Send messages that were enqueued in one call, then delete the rows of those that were accepted."""
    now = clock.now().timestamp()
    unsent = messages  # until it is known better: a job's time limit may strike here, too
    try:
        to.send(messages, max(0.0, messages[0].ready - now))
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


def sweep(to: Queues, *, most: int = 1000) -> int:
    """Send what was left behind, the oldest first; gives how many were sent.

    One row that cannot be sent keeps no other waiting: unreadable, it goes to the dead-letter queue with its reason;
    refused, it stays and is tried in the next sweep, after the others. Raises `OSError` when the queue cannot be
    reached at all.
    """
    now = clock.now()
    left = select(outbox.c.id, outbox.c.body).where(outbox.c.claimed_until <= now)
    with database.engine().connect() as connection:
        found = connection.execute(left.order_by(outbox.c.claimed_until).limit(most)).all()
    sent = 0
    for identity, body in found:
        claim = update(outbox).where(outbox.c.id == identity, outbox.c.claimed_until <= now)
        with database.engine().begin() as connection:
            mine = connection.execute(claim.values(claimed_until=now + CLAIM)).rowcount == 1
        if mine:
            sent += _send_left_behind(identity, body, to)
    return sent


def _send_left_behind(identity: str, body: str, to: Queues) -> bool:
    try:
        send([Message.from_json(body)], to)
    except Unreadable as error:
        _set_aside(identity, body, f"a row of the outbox cannot be read: {error}", to)
        return False
    except OSError:
        raise
    except Exception:
        log.exception("a job of the outbox could not be sent; it is tried again later", extra={"job_id": identity})
        return False
    return True


def _set_aside(identity: str, body: str, reason: str, to: Queues) -> None:
    """Send a row that is no message to the dead-letter queue of the queue that every app has."""
    delivery = Delivery(body=body or " ", receipt="", receives=0, queue="default", id=identity)
    try:
        to.bury(delivery, reason, None)
    except OSError:
        raise
    except Exception:
        log.exception("%s; it could not be set aside and stays", reason, extra={"job_id": identity})
    else:
        log.error("%s; it is in the dead-letter queue", reason, extra={"job_id": identity})
        _delete([identity])
