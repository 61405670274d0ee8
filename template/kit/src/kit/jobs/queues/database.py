"""The queue in the app's own database: SQS's rules in one table, for a laptop and for tests.

A delivery hides its row for a while (`visible_at`); if its worker dies, the message is delivered again after that.
Workers claim a row by an UPDATE that only one of them can win, which needs no lock and no SKIP LOCKED.

In a queue whose name ends in .fifo, a message that was received blocks the rest of its group until it is deleted or
dead, also while it is hidden before its next attempt; other groups go on. A delayed message is not in the queue yet, as
on SQS, where EventBridge Scheduler sends it when it is due: it blocks no other, and comes after those already waiting.
Source: SQS Developer Guide, "FIFO queue delivery logic" and "Using the message group ID".
"""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.orm import Session

from kit.db import database
from kit.db.server_clock import now
from kit.db.tables import jobs
from kit.errors import UsageError
from kit.jobs import incoming
from kit.jobs.message import DeadLetter, Delivery, Message, Unreadable, fit
from kit.jobs.queues import sqs_format

LOOK_AHEAD = 20
"""Rows that a worker tries to claim before it queries again; several workers seldom want the same row then."""
HIDDEN = 30.0
"""Seconds for which a delivery stays hidden without a heartbeat of its worker."""

_started = select(jobs.c.queue, jobs.c.group_name).where(
    jobs.c.state == "waiting", jobs.c.receive_count > 0, jobs.c.group_name.is_not(None)
)
_AVAILABLE = (
    select(jobs.c.number, jobs.c.receive_count, jobs.c.queue, jobs.c.group_name)
    .where(
        jobs.c.state == "waiting",
        or_(
            jobs.c.group_name.is_(None),
            jobs.c.receive_count > 0,  # it is the message that its group waits for
            tuple_(jobs.c.queue, jobs.c.group_name).not_in(_started),
        ),
    )
    .order_by(jobs.c.visible_at, jobs.c.number)
    .limit(LOOK_AHEAD)
)
"""Messages whose group does not wait for another; built once, because building it takes longer than running it."""


def add(connection: Session | Connection, messages: list[Message], delay: float = 0) -> None:
    """Insert messages within an open transaction, to be delivered after `delay` seconds."""
    rows = [
        {
            "id": message.id,
            "queue": message.queue,
            "job": message.job,
            "body": message.to_json(),
            "group_name": (message.group or message.job) if message.queue.endswith(".fifo") else None,
            "receipt": "",
            "receive_count": 0,
            "state": "waiting",
        }
        for message in messages
    ]
    connection.execute(insert(jobs).values(visible_at=now(delay)), rows)


def new_receipt() -> str:
    """A receipt that no other delivery has."""
    return secrets.token_hex(16)


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(row.body, row.receipt, row.receive_count, row.queue, row.id, row.group_name)


class DatabaseQueues:
    """All queues, in the table `kit_jobs`; `kit.jobs.queues.base.Queues` documents the methods."""

    def check_size(self, message: Message, body: str, *, delay: float, on_fargate: bool) -> str | None:
        """Check the sizes that AWS allows, so that they are not first noticed in the cloud."""
        if len(body) <= sqs_format.SMALL:
            return None
        return sqs_format.check_size(message, body, delay=delay, on_fargate=on_fargate)

    def send(self, messages: list[Message], delay: float = 0) -> None:
        with database.engine().begin() as connection:
            add(connection, messages, delay)

    def send_after_commit(self, session: Session, messages: list[Message], delay: float) -> None:
        add(session, messages, delay)

    def receive(self, hidden: float = HIDDEN, receipt: str | None = None) -> Delivery | None:
        """Deliver the message that has waited longest, and hide it for so many seconds; None if none is due.

        With a `receipt` of the caller's own, `find` returns the delivery if the result of this call is lost.
        """
        receipt = receipt or new_receipt()
        while True:
            candidates = self._due()
            groups = set()
            for row in candidates:
                group = (row.queue, row.group_name)
                if row.group_name is not None and group in groups:
                    continue  # it comes after another of its group
                groups.add(group)
                if delivery := self._claim(row, hidden, receipt):
                    return delivery
            if len(candidates) < LOOK_AHEAD:
                return None

    def _due(self) -> list[Row[Any]]:
        """The first messages that may be delivered, those that have waited longest before the others."""
        with database.engine().connect() as connection:
            return list(connection.execute(_AVAILABLE.where(jobs.c.visible_at <= now())))

    def find(self, receipt: str) -> Delivery | None:
        """The message that was delivered with this receipt, unless it has been delivered again since."""
        own = select(jobs).where(jobs.c.receipt == receipt, jobs.c.state == "waiting")
        with database.engine().connect() as connection:
            row = connection.execute(own).one_or_none()
        return None if row is None else _delivery(row)

    def _claim(self, row: Row[Any], hidden: float, receipt: str) -> Delivery | None:
        """Claim the row, unless another worker has: every claim increases `receive_count`."""
        same = (jobs.c.number == row.number, jobs.c.receive_count == row.receive_count, jobs.c.state == "waiting")
        claim = update(jobs).where(*same, jobs.c.visible_at <= now())
        values = {"visible_at": now(hidden), "receipt": receipt, "receive_count": row.receive_count + 1}
        with database.engine().begin() as connection:
            if connection.execute(claim.values(values)).rowcount != 1:
                return None
            claimed = connection.execute(select(jobs).where(jobs.c.number == row.number)).one()
        delivery = _delivery(claimed)
        if claimed.group_name is not None and self._is_group_in_flight(claimed):
            undo = {"visible_at": now(), "receipt": "", "receive_count": row.receive_count}
            self._update(delivery, undo)
            return None
        return delivery

    def _is_group_in_flight(self, claimed: Row[Any]) -> bool:
        """Whether another message of the group was claimed by a transaction that had not committed when we queried."""
        other = select(jobs.c.number).where(
            jobs.c.queue == claimed.queue,
            jobs.c.group_name == claimed.group_name,
            jobs.c.state == "waiting",
            jobs.c.receive_count > 0,
            jobs.c.visible_at > now(),
            jobs.c.number != claimed.number,
        )
        with database.engine().connect() as connection:
            return connection.scalar(other.limit(1)) is not None

    def _update(self, delivery: Delivery, values: dict[str, Any], *conditions: ColumnElement[bool]) -> None:
        """Change the row of a delivery, unless it was delivered again since."""
        own = update(jobs).where(jobs.c.receipt == delivery.receipt, jobs.c.state == "waiting", *conditions)
        with database.engine().begin() as connection:
            connection.execute(own.values(values))

    def delete(self, delivery: Delivery) -> None:
        """Delete the message; in a FIFO queue only while it is hidden, as on SQS, because its group may go on then."""
        own = (jobs.c.receipt == delivery.receipt, jobs.c.state == "waiting")
        statement = delete(jobs).where(*own, or_(jobs.c.group_name.is_(None), jobs.c.visible_at > now()))
        with database.engine().begin() as connection:
            connection.execute(statement)

    def change_visibility(self, delivery: Delivery, seconds: float) -> None:
        """Hide the message for so many seconds from now, if it is still hidden."""
        self._update(delivery, {"visible_at": now(seconds)}, jobs.c.visible_at > now())

    def dead_letter(self, delivery: Delivery, reason: str, message: Message | None) -> None:
        """Mark the row as dead; deleting the delivery then changes nothing."""
        self._update(delivery, {"state": "dead", "reason": fit(reason)})

    def max_receive_count(self, queue: str) -> int | None:
        return None

    def waiting(self, limit: int = 1000) -> list[Message]:
        """The readable messages in the queues, the oldest first; a worker sends the others to the dead letters."""
        bodies = select(jobs.c.body, jobs.c.queue).where(jobs.c.state == "waiting").order_by(jobs.c.number).limit(limit)
        with database.engine().connect() as connection:
            return list(_readable(connection.execute(bodies)))

    def count(self) -> dict[str, int]:
        counts = select(jobs.c.queue, func.count()).where(jobs.c.state == "waiting").group_by(jobs.c.queue)
        with database.engine().connect() as connection:
            return {queue: number for queue, number in connection.execute(counts)}

    def count_dead_letters(self) -> int:
        count = select(func.count()).where(jobs.c.state == "dead")
        with database.engine().connect() as connection:
            return connection.scalar(count) or 0

    def dead_letters(self, limit: int = 1000) -> list[DeadLetter]:
        dead = select(jobs).where(jobs.c.state == "dead").order_by(jobs.c.number).limit(limit)
        with database.engine().connect() as connection:
            rows = connection.execute(dead).all()
        return [
            DeadLetter(
                id=row.id,
                job=row.job,
                reason=row.reason or "",
                body=row.body,
                queue=row.queue,
                receipt=str(row.number),
                message_id=str(row.number),
                group=row.group_name,
            )
            for row in rows
        ]

    @contextmanager
    def receive_dead_letters(self, limit: int = 1000) -> Iterator[list[DeadLetter]]:
        yield self.dead_letters(limit)

    def redrive(self, letter: DeadLetter) -> None:
        try:
            message = incoming.read(letter.body, letter.queue)
        except Unreadable as error:
            raise UsageError(
                f"{letter.id} can't be retried: {error}. To delete it: ./uvw run python -m kit jobs purge {letter.id}"
            ) from None
        dead = update(jobs).where(jobs.c.number == int(letter.receipt), jobs.c.state == "dead")
        waiting = {"state": "waiting", "receive_count": 0, "receipt": "", "visible_at": now(), "reason": None}
        with database.engine().begin() as connection:
            connection.execute(dead.values(body=message.retry(attempts_used=0).to_json(), **waiting))

    def delete_dead_letter(self, letter: DeadLetter) -> None:
        with database.engine().begin() as connection:
            connection.execute(delete(jobs).where(jobs.c.number == int(letter.receipt), jobs.c.state == "dead"))


def _readable(rows: Iterable[Row[Any]]) -> Iterator[Message]:
    for row in rows:
        try:
            yield incoming.read(row.body, row.queue)
        except Unreadable:
            continue
