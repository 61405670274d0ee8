"""The local worker: runs the jobs of the database queue one at a time, and enqueues those of the schedules.

Several workers may run at once. If one is killed, its message is delivered again. A worker survives any failure of its
database: it waits until the database is available again.
"""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from kit.db import database, server_clock
from kit.db.tables import schedule_runs as runs
from kit.jobs import executor, loading, registry, schedules, ticks
from kit.jobs.executor import ExecutionContext
from kit.jobs.message import Delivery, Message
from kit.jobs.outage import UNAVAILABLE, Outage
from kit.jobs.queues import database as database_queues
from kit.jobs.queues.database import DatabaseQueues
from kit.jobs.runners import fargate
from kit.jobs.spec import JobSpec

log = logging.getLogger("kit.jobs")

IDLE = 0.5
"""Seconds between two polls of an empty queue."""
BEAT = 6.0
"""Seconds between two heartbeats; after five missed ones, another worker gets the message."""
TICK = 1.0
"""Seconds between two checks of the schedules."""
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Worker:
    """One worker; `step` runs one job. `sleep` waits so many seconds."""

    def __init__(self, *, beat: float = BEAT, sleep: Callable[[float], None] = time.sleep) -> None:
        self.beat = beat
        self.sleep = sleep
        self.outage = Outage(sleep)
        self.queues = DatabaseQueues()
        self.ticked: float | None = None
        self.receipt: str | None = None
        """The receipt of a delivery that was requested, and perhaps made, when the database failed."""
        loading.load()

    def work(self, go_on: Callable[[], bool] = lambda: True) -> None:
        """Work while `go_on()` is true; an error of the worker's environment makes it pause, and never ends it."""
        while go_on():
            try:
                worked = self.step()
            except (SQLAlchemyError, OSError) as error:
                self.outage.wait(error)
                continue
            self.outage.end()
            if not worked:
                self.sleep(IDLE)

    def step(self) -> bool:
        """Check the schedules, at most once a second, and run one job; returns False if none was due."""
        if self.ticked is None or time.monotonic() - self.ticked >= TICK:
            tick(starting=self.ticked is None)
            self.ticked = time.monotonic()
        delivery = self._receive()
        if delivery is None:
            return False
        queues = _PersistentQueues(self.queues, self.outage)
        with fargate.kept_hidden(delivery, self.queues, self.beat) as stop_heartbeat:
            try:
                context = ExecutionContext(
                    queues, launch=self._launch, stop_heartbeat=stop_heartbeat, lease=self.beat * 5
                )
                outcome = executor.process(delivery, context)
            except BaseException:  # Ctrl-C: the next worker starts with this message
                stop_heartbeat()
                self._make_visible(delivery)
                raise
            if outcome.finished:
                queues.delete(delivery)
        return True

    def _receive(self) -> Delivery | None:
        """Receive a message; one that was delivered although the response was lost is taken up again."""
        delivery = self.queues.find(self.receipt) if self.receipt else None
        if delivery is None:
            self.receipt = database_queues.new_receipt()
            delivery = self.queues.receive(self.beat * 5, self.receipt)
        else:
            self.queues.change_visibility(delivery, self.beat * 5)
        self.receipt = None
        return delivery

    def _make_visible(self, delivery: Delivery) -> None:
        try:
            self.queues.change_visibility(delivery, 0)
        except UNAVAILABLE:
            log.warning("could not return a message to its queue; it comes back by itself", exc_info=True)

    def _launch(self, job: JobSpec, message: Message, delivery: Delivery) -> None:
        """Start a long job in a process of its own, as it has a task of its own on Fargate."""
        self.queues.change_visibility(delivery, self.beat * 5)
        environ = os.environ | {fargate.VARIABLE: json.dumps(delivery._asdict())}
        subprocess.Popen([sys.executable, *fargate.COMMAND[1:]], env=environ)  # noqa: S603 - the kit's own command


class _PersistentQueues(DatabaseQueues):
    """The same queues for recording an outcome: they wait for the database until it is recorded."""

    def __init__(self, queues: DatabaseQueues, outage: Outage) -> None:
        self.queues, self.outage = queues, outage

    def send(self, messages: list[Message], delay: float = 0) -> None:
        self.outage.retry(partial(self.queues.send, messages, delay))

    def delete(self, delivery: Delivery) -> None:
        self.outage.retry(partial(self.queues.delete, delivery))

    def change_visibility(self, delivery: Delivery, seconds: float) -> None:
        self.outage.retry(partial(self.queues.change_visibility, delivery, seconds))

    def dead_letter(self, delivery: Delivery, reason: str, message: Message | None) -> None:
        self.outage.retry(partial(self.queues.dead_letter, delivery, reason, message))


def tick(*, starting: bool = False) -> int:
    """Enqueue the jobs of schedules that are due; times that passed while no worker ran are made up for once.

    Several workers may do this: each due time is enqueued by one of them. The database's clock says what is due, so that
    a worker whose own clock is wrong neither fires early nor repeats a time. `starting` also takes up schedules whose
    expression has changed. Returns how many jobs were enqueued.
    """
    with database.engine().connect() as connection:
        moment = server_clock.read(connection)
        planned = {row.schedule: row.next_at for row in connection.execute(select(runs.c.schedule, runs.c.next_at))}
    enqueued = 0
    for name, schedule in registry.schedules.items():
        upcoming = schedules.next_time(schedule, moment)
        if name not in planned:
            _insert(name, upcoming)
            continue
        due = planned[name]
        if due is None or (starting and upcoming and due > upcoming):
            _reschedule(name, due, upcoming)
        elif due <= moment:
            enqueued += _reschedule(name, due, upcoming, message=ticks.due(name, due.isoformat()))
    return enqueued


def _insert(name: str, upcoming: datetime | None) -> None:
    try:
        with database.engine().begin() as connection:
            connection.execute(insert(runs).values(schedule=name, holder="", held_until=LONG_AGO, next_at=upcoming))
    except IntegrityError:
        log.debug("another worker inserted %s", name)


def _reschedule(name: str, due: datetime | None, upcoming: datetime | None, message: Message | None = None) -> bool:
    """Set the next time, and enqueue the message in the same transaction; False if another worker did."""
    unchanged = runs.c.next_at.is_(None) if due is None else runs.c.next_at == due
    change = update(runs).where(runs.c.schedule == name, unchanged).values(next_at=upcoming)
    with database.engine().begin() as connection:
        if connection.execute(change).rowcount != 1:
            return False
        if message:
            database_queues.add(connection, [message])
        return True
