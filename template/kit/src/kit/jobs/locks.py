"""Runs of one schedule do not overlap: a run holds the schedule's row under a lease.

Each delivery is a holder of its own, so that a tick that is delivered twice does not run twice at once. Leases go by the
database's clock. In a process without a time limit, a heartbeat renews the lease; on Lambda, where the job uses the only
database connection, the lease lasts as long as the function may run.
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
from kit.db.tables import schedule_runs as runs
from kit.jobs import heartbeat

log = logging.getLogger("kit.jobs")


@contextmanager
def hold(schedule: str, seconds: float, *, renew: bool) -> Iterator[bool]:
    """Hold the schedule while the block runs; yields False, and holds nothing, while another run does.

    The lease lasts `seconds`; with `renew` it is renewed five times in each lease while this process lives. Releasing
    the schedule never fails: if the database does, the lease expires.
    """
    holder = secrets.token_hex(16)
    if not _acquire(schedule, holder, seconds):
        yield False
        return
    action = partial(_renew, schedule, holder, seconds)
    failure = f"could not renew the lease of the schedule {schedule}"
    try:
        with heartbeat.beating(action, seconds / 5, failure) if renew else nullcontext():
            yield True
    finally:
        _release(schedule, holder)


def remaining(schedule: str) -> float:
    """Seconds until the lease of the current run expires, unless it is renewed; 0 if there is none."""
    lease = select(runs.c.held_until).where(runs.c.schedule == schedule)
    with database.engine().connect() as connection:
        until = connection.scalar(lease)
        return max(0.0, (until - server_clock.read(connection)).total_seconds()) if until else 0.0


def _acquire(schedule: str, holder: str, seconds: float) -> bool:
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
        raise RuntimeError("the lease has expired, and another run holds the schedule now")


def _release(schedule: str, holder: str) -> None:
    try:
        _update_lease(schedule, holder, 0)
    except Exception:
        log.warning("could not release the schedule %s; its lease expires by itself", schedule, exc_info=True)


def _update_lease(schedule: str, holder: str, seconds: float) -> bool:
    own = update(runs).where(runs.c.schedule == schedule, runs.c.holder == holder)
    with database.engine().begin() as connection:
        return connection.execute(own.values(held_until=now(seconds))).rowcount == 1
