"""Runs of one schedule do not overlap: whoever runs holds the schedule's row, under a lease.

Each delivery is a holder of its own, so that a tick that is delivered twice does not run twice at once. The lease goes
by the database's clock. Where a process has no end of its own, a heartbeat renews it; on Lambda, whose database
connection is the job's own, it lasts for as long as the function may still run.
"""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from kit.db import database, server_clock
from kit.db.server_clock import now
from kit.jobs import heartbeat
from kit.jobs.tables import runs

log = logging.getLogger("kit.jobs")


@contextmanager
def hold(schedule: str, seconds: float, *, renew: bool) -> Iterator[bool]:
    """Hold the schedule while the block runs; yields False, and holds nothing, while another run does.

    The lease lasts `seconds`; with `renew` it is renewed while this process lives, five times as often as it must be.
    Giving the schedule back never fails: if the database does, the lease ends by itself.
    """
    holder = secrets.token_hex(16)
    if not _take(schedule, holder, seconds):
        yield False
        return
    action = partial(_renew, schedule, holder, seconds)
    failure = f"the lease of {schedule} was not renewed"
    try:
        with heartbeat.beating(action, seconds / 5, failure) if renew else nullcontext():
            yield True
    finally:
        _release(schedule, holder)


def remaining(schedule: str) -> float:
    """Seconds until the lease of the run that is under way ends, if nobody renews it; 0 when there is none."""
    held = select(runs.c.held_until).where(runs.c.schedule == schedule)
    with database.engine().connect() as connection:
        until = connection.scalar(held)
        return max(0.0, (until - server_clock.read(connection)).total_seconds()) if until else 0.0


def _take(schedule: str, holder: str, seconds: float) -> bool:
    lease = {"holder": holder, "held_until": now(seconds)}
    free = update(runs).where(runs.c.schedule == schedule, runs.c.held_until <= now())
    with database.engine().begin() as connection:
        if connection.execute(free.values(lease)).rowcount == 1:
            return True
    try:
        with database.engine().begin() as connection:
            connection.execute(insert(runs).values(schedule=schedule, **lease))
    except IntegrityError:
        return False
    return True


def _renew(schedule: str, holder: str, seconds: float) -> None:
    if not _update_lease(schedule, holder, seconds):
        raise RuntimeError("it ended, and another run holds the schedule now")


def _release(schedule: str, holder: str) -> None:
    try:
        _update_lease(schedule, holder, 0)
    except Exception:
        log.warning("%s could not be given back; its lease ends by itself", schedule, exc_info=True)


def _update_lease(schedule: str, holder: str, seconds: float) -> bool:
    mine = update(runs).where(runs.c.schedule == schedule, runs.c.holder == holder)
    with database.engine().begin() as connection:
        return connection.execute(mine.values(held_until=now(seconds))).rowcount == 1
