"""The local worker: works off the queue in the app's own database, one job at a time, and ticks the schedules.

Several may run beside one another. One that is killed loses nothing: what it had taken is given out again. It outlives
its database: whatever that answers, or if it does not, the worker waits and goes on.
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
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from kit.db import database, server_clock
from kit.jobs import decorators, executor, schedules
from kit.jobs.decorators import Job
from kit.jobs.message import Delivery, Message
from kit.jobs.outage import UNAVAILABLE, Outage
from kit.jobs.queues import database as local
from kit.jobs.runners import fargate
from kit.jobs.tables import runs

log = logging.getLogger("kit.jobs")

IDLE = 0.5
"""Seconds between two looks into an empty queue."""
BEAT = 6.0
"""Seconds between two signs of life; without five of them, another worker takes the job."""
TICK = 1.0
"""Seconds between two looks at the schedules."""
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Worker:
    """One worker; `step` does one thing that is due. `sleep` waits so many seconds."""

    def __init__(self, *, beat: float = BEAT, sleep: Callable[[float], None] = time.sleep) -> None:
        self.beat = beat
        self.sleep = sleep
        self.outage = Outage(sleep)
        self.queues = local.LocalQueues()
        self.ticked: float | None = None
        self.receipt: str | None = None
        """That of a message which was asked for, and perhaps given out, when the database failed."""
        decorators.load()

    def work(self, go_on: Callable[[], bool] = lambda: True) -> None:
        """Work until told to stop; an error of the worker's own surroundings makes it pause, and never ends it."""
        while go_on():
            try:
                found = self.step()
            except (SQLAlchemyError, OSError) as error:
                self.outage.wait(error)
                continue
            self.outage.over()
            if not found:
                self.sleep(IDLE)

    def step(self) -> bool:
        """Tick the schedules, at most once a second, and run one job; False when none was due."""
        if self.ticked is None or time.monotonic() - self.ticked >= TICK:
            tick(starting=self.ticked is None)
            self.ticked = time.monotonic()
        delivery = self._receive()
        if delivery is None:
            return False
        queues = _Outlasting(self.queues, self.outage)
        with fargate.kept_hidden(delivery, self.queues, self.beat) as let_go:
            try:
                place = executor.Place(queues, launch=self._launch, settle=let_go, lease=self.beat * 5)
                outcome = executor.process(delivery, place)
            except BaseException:  # Ctrl-C: whoever works next begins with it
                let_go()
                self._give_back(delivery)
                raise
            if outcome.finished:
                queues.remove(delivery)
        return True

    def _receive(self) -> Delivery | None:
        """Take a message; one whose claim was committed, though the answer was lost, is taken up and not left hidden."""
        delivery = self.queues.find(self.receipt) if self.receipt else None
        if delivery is None:
            self.receipt = local.new_receipt()
            delivery = self.queues.receive(self.beat * 5, self.receipt)
        else:
            self.queues.postpone(delivery, self.beat * 5)
        self.receipt = None
        return delivery

    def _give_back(self, delivery: Delivery) -> None:
        try:
            self.queues.postpone(delivery, 0)
        except UNAVAILABLE:
            log.warning("a job could not be given back; it comes back by itself", exc_info=True)

    def _launch(self, job: Job[Any, Any], message: Message, delivery: Delivery) -> None:
        """A long job gets a process of its own, as it gets a task of its own on Fargate."""
        self.queues.postpone(delivery, self.beat * 5)
        environ = os.environ | {fargate.VARIABLE: json.dumps(delivery._asdict())}
        subprocess.Popen([sys.executable, *fargate.COMMAND[1:]], env=environ)  # noqa: S603 - the kit's own command


class _Outlasting(local.LocalQueues):
    """The same queues for what becomes of a delivery: that is known, so the database is waited for until it is written."""

    def __init__(self, queues: local.LocalQueues, outage: Outage) -> None:
        self.queues, self.outage = queues, outage

    def send(self, messages: list[Message], delay: float = 0) -> None:
        self.outage.outlast(partial(self.queues.send, messages, delay))

    def remove(self, delivery: Delivery) -> None:
        self.outage.outlast(partial(self.queues.remove, delivery))

    def postpone(self, delivery: Delivery, seconds: float) -> None:
        self.outage.outlast(partial(self.queues.postpone, delivery, seconds))

    def bury(self, delivery: Delivery, reason: str, message: Message | None) -> None:
        self.outage.outlast(partial(self.queues.bury, delivery, reason, message))


def tick(*, starting: bool = False) -> int:
    """Enqueue what the schedules say is due; a time that passed while nothing ran is made up for once.

    Several workers may tick: each due time is enqueued by one of them. The database's clock says what is due, so that
    a worker whose own clock is off neither fires early nor plans a time again that another fired. `starting` takes in
    schedules that changed. Returns how many were enqueued.
    """
    with database.engine().connect() as connection:
        moment = server_clock.read(connection)
        known = {row.schedule: row.next_at for row in connection.execute(select(runs.c.schedule, runs.c.next_at))}
    due = 0
    for name, made in schedules.registry.items():
        upcoming = made.after(moment)
        planned = known.get(name)
        if name not in known:
            _first(name, upcoming)
        elif planned is None or (starting and upcoming and planned > upcoming):
            _plan(name, planned, upcoming)
        elif planned <= moment:
            due += _plan(name, planned, upcoming, send=schedules.due(name, planned.isoformat()))
    return due


def _first(name: str, upcoming: datetime | None) -> None:
    try:
        with database.engine().begin() as connection:
            connection.execute(insert(runs).values(schedule=name, holder="", held_until=LONG_AGO, next_at=upcoming))
    except IntegrityError:
        log.debug("another worker planned %s", name)


def _plan(name: str, planned: datetime | None, upcoming: datetime | None, send: Message | None = None) -> bool:
    """Set the next time, and enqueue this one in the same transaction; False when another worker did."""
    still = runs.c.next_at.is_(None) if planned is None else runs.c.next_at == planned
    change = update(runs).where(runs.c.schedule == name, still).values(next_at=upcoming)
    with database.engine().begin() as connection:
        if connection.execute(change).rowcount != 1:
            return False
        if send:
            local.add(connection, [send], 0)
        return True
