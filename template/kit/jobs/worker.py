"""The local worker: works off the queue in the app's own database, one job at a time, and ticks the schedules.

Several may run beside one another. One that is killed loses nothing: what it had taken is given out again.
"""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from kit import clock, database
from kit.jobs import declare, fargate, local, run, schedules
from kit.jobs.declare import Job
from kit.jobs.message import Delivery, Message
from kit.jobs.tables import runs

log = logging.getLogger("kit.jobs")

IDLE = 0.5
"""Seconds between two looks into an empty queue."""
BEAT = 6.0
"""Seconds between two signs of life; without five of them, another worker takes the job."""
LONG_AGO = datetime(1970, 1, 1).astimezone()


class Worker:
    """One worker; `step` does one thing that is due."""

    def __init__(self, *, beat: float = BEAT) -> None:
        self.beat = beat
        self.queues = local.LocalQueues()
        self.ticked: datetime | None = None
        declare.load()

    def work(self, go_on: Callable[[], bool] = lambda: True) -> None:
        """Work until told to stop."""
        while go_on():
            if not self.step():
                time.sleep(IDLE)

    def step(self) -> bool:
        """Tick the schedules, at most once a second, and run one job; False when none was due."""
        now = clock.now()
        if self.ticked is None or now - self.ticked >= timedelta(seconds=1):
            tick(now, starting=self.ticked is None)
            self.ticked = now
        delivery = self.queues.receive(hidden=self.beat * 5)
        if delivery is None:
            return False
        with fargate.kept_hidden(delivery, self.queues, self.beat) as let_go:
            try:
                outcome = run.process(delivery, run.Place(self.queues, launch=self._launch, settle=let_go))
            except BaseException:  # Ctrl-C: whoever works next begins with it
                let_go()
                self.queues.postpone(delivery, 0)
                raise
        if outcome.finished:
            self.queues.remove(delivery)
        return True

    def _launch(self, job: Job[Any, Any], message: Message, delivery: Delivery) -> None:
        """A long job gets a process of its own, as it gets a task of its own on Fargate."""
        self.queues.postpone(delivery, self.beat * 5)
        environ = os.environ | {fargate.VARIABLE: json.dumps(delivery._asdict())}
        subprocess.Popen([sys.executable, *fargate.COMMAND[1:]], env=environ)  # noqa: S603 - the kit's own command


def tick(now: datetime, *, starting: bool = False) -> int:
    """Enqueue what the schedules say is due; a time that passed while nothing ran is made up for once.

    Several workers may tick: each due time is enqueued by one of them. `starting` takes in schedules that changed.
    """
    with database.engine().connect() as connection:
        known = {row.schedule: row.next_at for row in connection.execute(select(runs.c.schedule, runs.c.next_at))}
    due = 0
    for name, made in schedules.registry.items():
        upcoming = made.after(now)
        planned = known.get(name)
        if name not in known:
            _first(name, upcoming)
        elif planned is None or (starting and upcoming and planned > upcoming):
            _plan(name, planned, upcoming)
        elif planned <= now:
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
