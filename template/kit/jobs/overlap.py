"""Runs of one schedule do not overlap: whoever runs holds the schedule's row for as long as the job may take."""

from datetime import timedelta

from sqlalchemy import insert, or_, update
from sqlalchemy.exc import IntegrityError

from kit import clock, database
from kit.jobs.tables import runs


def hold(schedule: str, holder: str, seconds: float) -> bool:
    """Take the row, unless another run has it; it comes free after so many seconds if its holder dies."""
    now = clock.now()
    values = {"holder": holder, "held_until": now + timedelta(seconds=seconds)}
    free = or_(runs.c.held_until <= now, runs.c.holder == holder)
    with database.engine().begin() as connection:
        if connection.execute(update(runs).where(runs.c.schedule == schedule, free).values(**values)).rowcount == 1:
            return True
    try:
        with database.engine().begin() as connection:
            connection.execute(insert(runs).values(schedule=schedule, **values))
    except IntegrityError:
        return False
    return True


def release(schedule: str, holder: str) -> None:
    """Give the row back."""
    mine = update(runs).where(runs.c.schedule == schedule, runs.c.holder == holder)
    with database.engine().begin() as connection:
        connection.execute(mine.values(held_until=clock.now()))
