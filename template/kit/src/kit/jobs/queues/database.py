"""The queue in the app's own database: SQS's rules in one table, for a laptop and for tests.

A delivery hides its row for a while (`visible_at`); a worker that dies does not come back to it, so it is given out
again. Workers claim a row by an UPDATE that only one of them can win, which needs no lock and no SKIP LOCKED.

In a queue whose name ends in .fifo, a message that was received blocks the rest of its group until it is deleted or
dead, also while it is hidden before its next attempt; other groups go on. One that is delayed is not in the queue yet,
as on SQS, where the Scheduler sends it when it is due: it blocks nobody, and stands behind what came before that.
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
from kit.errors import UsageError
from kit.jobs import schedules
from kit.jobs.message import DeadLetter, Delivery, Message, Unreadable, fit
from kit.jobs.tables import jobs

LOOK_AHEAD = 20
"""Rows that a worker tries to claim before it looks anew; several workers seldom want the same one then."""
HIDDEN = 30.0
"""Seconds that a delivery stays hidden without word from its worker."""

_started = select(jobs.c.queue, jobs.c.group_name).where(
    jobs.c.state == "waiting", jobs.c.receives > 0, jobs.c.group_name.is_not(None)
)
_FREE = (
    select(jobs.c.number, jobs.c.receives, jobs.c.queue, jobs.c.group_name)
    .where(
        jobs.c.state == "waiting",
        or_(
            jobs.c.group_name.is_(None),
            jobs.c.receives > 0,  # it is itself the one that its group waits for
            tuple_(jobs.c.queue, jobs.c.group_name).not_in(_started),
        ),
    )
    .order_by(jobs.c.visible_at, jobs.c.number)
    .limit(LOOK_AHEAD)
)
"""Messages whose group does not wait for another; built once, which takes longer than to run it."""


def rows(messages: Iterable[Message]) -> list[dict[str, object]]:
    """The rows of these messages, but for when they are due."""
    return [
        {
            "id": message.id,
            "queue": message.queue,
            "job": message.job,
            "body": message.to_json(),
            "group_name": (message.group or message.job) if message.queue.endswith(".fifo") else None,
            "receipt": "",
            "receives": 0,
            "state": "waiting",
        }
        for message in messages
    ]


def add(to: Session | Connection, messages: list[Message], delay: float) -> None:
    """Put messages in, within a transaction that is open."""
    to.execute(insert(jobs).values(visible_at=now(delay)), rows(messages))


def new_receipt() -> str:
    """A receipt that no other delivery has."""
    return secrets.token_hex(16)


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(row.body, row.receipt, row.receives, row.queue, row.id, row.group_name)


class LocalQueues:
    """All queues, in `kit_jobs`."""

    def send(self, messages: list[Message], delay: float = 0) -> None:
        with database.engine().begin() as connection:
            add(connection, messages, delay)

    def receive(self, hidden: float = HIDDEN, receipt: str | None = None) -> Delivery | None:
        """Give out the message that has waited longest, hidden for so many seconds; None when nothing is due.

        With a `receipt` of the caller's own, `find` gives the delivery if the answer to this call is lost.
        """
        receipt = receipt or new_receipt()
        while True:
            candidates = self._due()
            groups = set()
            for row in candidates:
                group = (row.queue, row.group_name)
                if row.group_name is not None and group in groups:
                    continue  # it stands behind another of its group
                groups.add(group)
                if delivery := self._claim(row, hidden, receipt):
                    return delivery
            if len(candidates) < LOOK_AHEAD:
                return None

    def _due(self) -> list[Row[Any]]:
        """The first messages that may be given out, those that have waited longest before the others."""
        with database.engine().connect() as connection:
            return list(connection.execute(_FREE.where(jobs.c.visible_at <= now())))

    def find(self, receipt: str) -> Delivery | None:
        """The message that was given out with this receipt, if it has not been given out again since."""
        mine = select(jobs).where(jobs.c.receipt == receipt, jobs.c.state == "waiting")
        with database.engine().connect() as connection:
            row = connection.execute(mine).one_or_none()
        return None if row is None else _delivery(row)

    def _claim(self, row: Row[Any], hidden: float, receipt: str) -> Delivery | None:
        """Take the row, unless another worker has; `receives` tells, as every claim raises it."""
        same = (jobs.c.number == row.number, jobs.c.receives == row.receives, jobs.c.state == "waiting")
        claim = update(jobs).where(*same, jobs.c.visible_at <= now())
        taken = {"visible_at": now(hidden), "receipt": receipt, "receives": row.receives + 1}
        with database.engine().begin() as connection:
            if connection.execute(claim.values(taken)).rowcount != 1:
                return None
            claimed = connection.execute(select(jobs).where(jobs.c.number == row.number)).one()
        delivery = _delivery(claimed)
        if claimed.group_name is not None and self._is_in_flight(claimed):
            give_back = {"visible_at": now(), "receipt": "", "receives": row.receives}
            self._update(delivery, give_back)
            return None
        return delivery

    def _is_in_flight(self, claimed: Row[Any]) -> bool:
        """Whether another of the group was claimed meanwhile: it had not been committed yet when we looked."""
        other = select(jobs.c.number).where(
            jobs.c.queue == claimed.queue,
            jobs.c.group_name == claimed.group_name,
            jobs.c.state == "waiting",
            jobs.c.receives > 0,
            jobs.c.visible_at > now(),
            jobs.c.number != claimed.number,
        )
        with database.engine().connect() as connection:
            return connection.scalar(other.limit(1)) is not None

    def _update(self, delivery: Delivery, values: dict[str, Any], *conditions: ColumnElement[bool]) -> None:
        """Change the row of a delivery, unless it was given out again since."""
        mine = update(jobs).where(jobs.c.receipt == delivery.receipt, jobs.c.state == "waiting", *conditions)
        with database.engine().begin() as connection:
            connection.execute(mine.values(values))

    def remove(self, delivery: Delivery) -> None:
        """Delete the message; in a FIFO queue only while it is hidden, as on SQS, because its group may go on then."""
        mine = (jobs.c.receipt == delivery.receipt, jobs.c.state == "waiting")
        settled = delete(jobs).where(*mine, or_(jobs.c.group_name.is_(None), jobs.c.visible_at > now()))
        with database.engine().begin() as connection:
            connection.execute(settled)

    def postpone(self, delivery: Delivery, seconds: float) -> None:
        """Hide the message from now on for so many seconds, if it is hidden still."""
        self._update(delivery, {"visible_at": now(seconds)}, jobs.c.visible_at > now())

    def bury(self, delivery: Delivery, reason: str, message: Message | None) -> None:
        self._update(delivery, {"state": "dead", "reason": fit(reason)})

    def most_receives(self, queue: str) -> int | None:
        return None

    def waiting(self, limit: int = 1000) -> list[Message]:
        """What stands in the queues and can be read, the oldest first; a worker sets the rest aside."""
        wanted = select(jobs.c.body).where(jobs.c.state == "waiting").order_by(jobs.c.number).limit(limit)
        with database.engine().connect() as connection:
            return list(_readable(connection.scalars(wanted)))

    def count(self) -> dict[str, int]:
        """How many messages stand in each queue."""
        counted = select(jobs.c.queue, func.count()).where(jobs.c.state == "waiting").group_by(jobs.c.queue)
        with database.engine().connect() as connection:
            return {queue: number for queue, number in connection.execute(counted)}

    def dead(self, limit: int = 1000) -> list[DeadLetter]:
        """What was given up, the oldest first."""
        wanted = select(jobs).where(jobs.c.state == "dead").order_by(jobs.c.number).limit(limit)
        with database.engine().connect() as connection:
            found = connection.execute(wanted).all()
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
            for row in found
        ]

    def count_dead(self) -> int:
        """How many dead letters there are."""
        counted = select(func.count()).where(jobs.c.state == "dead")
        with database.engine().connect() as connection:
            return connection.scalar(counted) or 0

    @contextmanager
    def letters(self, limit: int = 1000) -> Iterator[list[DeadLetter]]:
        """The dead letters, the oldest first, to be looked at, redriven or deleted within the block."""
        yield self.dead(limit)

    def revive(self, letter: DeadLetter) -> None:
        """Try a dead one again, as if it were new."""
        try:
            message = schedules.read(letter.body)
        except Unreadable as error:
            raise UsageError(f"{letter.id} cannot be tried again: {error}. Delete it: jobs purge {letter.id}") from None
        dead = update(jobs).where(jobs.c.number == int(letter.receipt), jobs.c.state == "dead")
        again = {"state": "waiting", "receives": 0, "receipt": "", "visible_at": now(), "reason": None}
        with database.engine().begin() as connection:
            connection.execute(dead.values(body=message.again(spent=0).to_json(), **again))

    def forget(self, letter: DeadLetter) -> None:
        """Delete a dead one."""
        with database.engine().begin() as connection:
            connection.execute(delete(jobs).where(jobs.c.number == int(letter.receipt), jobs.c.state == "dead"))


def _readable(bodies: Iterable[str]) -> Iterator[Message]:
    for body in bodies:
        try:
            yield schedules.read(body)
        except Unreadable:
            continue
