"""The queue in the app's own database: SQS's rules in one table, for a laptop and for tests.

A delivery hides its row for a while (`visible_at`); a worker that dies does not come back to it, so it is given out
again. Workers claim a row by an UPDATE that only one of them can win, which needs no lock and no SKIP LOCKED.
"""

import secrets
from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.orm import Session

from kit import clock, database
from kit.jobs.message import DeadLetter, Delivery, Message
from kit.jobs.tables import jobs

LOOK_AHEAD = 20
"""Rows that a worker tries to claim before it looks anew; several workers seldom want the same one then."""
HIDDEN = 30.0
"""Seconds that a delivery stays hidden without word from its worker."""


def rows(messages: Iterable[Message], delay: float) -> list[dict[str, object]]:
    """The rows of these messages."""
    visible = clock.now() + timedelta(seconds=delay)
    return [
        {
            "id": message.id,
            "queue": message.queue,
            "job": message.job,
            "body": message.to_json(),
            "group_name": (message.group or message.job) if message.queue.endswith(".fifo") else None,
            "visible_at": visible,
            "receipt": "",
            "receives": 0,
            "state": "waiting",
        }
        for message in messages
    ]


def add(to: Session | Connection, messages: list[Message], delay: float) -> None:
    """Put messages in, within a transaction that is open."""
    to.execute(insert(jobs), rows(messages, delay))


class LocalQueues:
    """All queues, in `kit_jobs`."""

    def send(self, messages: list[Message], delay: float = 0) -> None:
        with database.engine().begin() as connection:
            add(connection, messages, delay)

    def receive(self, hidden: float = HIDDEN) -> Delivery | None:
        """Give out the message that has waited longest, hidden for so many seconds; None when nothing is due."""
        now = clock.now()
        due = select(jobs.c.number, jobs.c.visible_at, jobs.c.group_name, jobs.c.queue).where(
            jobs.c.state == "waiting", jobs.c.visible_at <= now
        )
        with database.engine().connect() as connection:
            found = connection.execute(due.order_by(jobs.c.visible_at, jobs.c.number).limit(LOOK_AHEAD)).all()
        for number, visible, group, queue in found:
            receipt = secrets.token_hex(16)
            claim = (
                update(jobs)
                .where(jobs.c.number == number, jobs.c.visible_at == visible, jobs.c.state == "waiting")
                .values(visible_at=now + timedelta(seconds=hidden), receipt=receipt, receives=jobs.c.receives + 1)
            )
            if group is not None and not self._first_of_group(number, queue, group):
                continue
            with database.engine().begin() as connection:
                if connection.execute(claim).rowcount == 1:
                    row = connection.execute(select(jobs).where(jobs.c.number == number)).one()
                    return Delivery(row.body, receipt, row.receives, row.queue, row.id, row.group_name)
        return None

    def _first_of_group(self, number: int, queue: str, group: str) -> bool:
        same = (jobs.c.queue == queue, jobs.c.group_name == group, jobs.c.state == "waiting")
        with database.engine().connect() as connection:
            return bool(connection.scalar(select(func.min(jobs.c.number)).where(*same)) == number)

    def remove(self, delivery: Delivery) -> None:
        with database.engine().begin() as connection:
            connection.execute(delete(jobs).where(jobs.c.receipt == delivery.receipt, jobs.c.state == "waiting"))

    def postpone(self, delivery: Delivery, seconds: float) -> None:
        visible = clock.now() + timedelta(seconds=seconds)
        with database.engine().begin() as connection:
            connection.execute(update(jobs).where(jobs.c.receipt == delivery.receipt).values(visible_at=visible))

    def bury(self, delivery: Delivery, reason: str, message: Message | None) -> None:
        dead = update(jobs).where(jobs.c.receipt == delivery.receipt).values(state="dead", reason=reason)
        with database.engine().begin() as connection:
            connection.execute(dead)

    def most_receives(self, queue: str) -> int | None:
        return None

    def waiting(self, limit: int = 1000) -> list[Message]:
        """What stands in the queues, the oldest first."""
        wanted = select(jobs.c.body).where(jobs.c.state == "waiting").order_by(jobs.c.number).limit(limit)
        with database.engine().connect() as connection:
            return [Message.from_json(body) for body in connection.scalars(wanted)]

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
        return [DeadLetter(row.id, row.job, row.reason, row.body, row.queue, str(row.number)) for row in found]

    def revive(self, letter: DeadLetter) -> None:
        """Try a dead one again, as if it were new."""
        again = {"state": "waiting", "receives": 0, "receipt": "", "visible_at": clock.now(), "reason": None}
        message = Message.from_json(letter.body).again(spent=0)
        wanted = update(jobs).where(jobs.c.number == int(letter.receipt), jobs.c.state == "dead")
        with database.engine().begin() as connection:
            connection.execute(wanted.values(body=message.to_json(), **again))

    def forget(self, letter: DeadLetter) -> None:
        """Delete a dead one."""
        with database.engine().begin() as connection:
            connection.execute(delete(jobs).where(jobs.c.number == int(letter.receipt), jobs.c.state == "dead"))
