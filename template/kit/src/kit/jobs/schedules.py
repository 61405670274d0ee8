"""When a job starts by itself: told above the function, and nowhere else.

@schedule("cron(0 3 * * ? *)", timezone="Asia/Tokyo")
@job
def tidy() -> None: ...
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple, ParamSpec, TypeVar

from kit.jobs import cron
from kit.jobs.decorators import Job, JobError
from kit.jobs.message import TICK_TIME, Message, Unreadable, parse

P = ParamSpec("P")
R = TypeVar("R")

registry: dict[str, "Schedule"] = {}
"""Every schedule that has been imported, by name."""

_NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")


class Schedule(NamedTuple):
    """One time table of one job."""

    name: str
    job: Job[Any, Any]
    expression: str
    timezone: str
    overlap: str
    when: cron.Cron | cron.Rate

    def after(self, moment: datetime) -> datetime | None:
        """When it is due next."""
        return self.when.after(moment, _zone(self.timezone))

    @property
    def input(self) -> dict[str, str]:
        """What AWS's Scheduler sends, to the job's queue or to the function."""
        return {"schedule": self.name, "time": TICK_TIME}


def schedule(
    expression: str, *, timezone: str = "UTC", overlap: str = "skip", name: str | None = None
) -> Callable[[Job[P, R]], Job[P, R]]:
    """Start a job by itself: `cron(…)` or `rate(…)` as AWS's Scheduler writes them, in a time zone.

    overlap     when the run before has not ended: "skip" this one, or "queue" it until then
    name        of the schedule, the function's by default; a job's second schedule needs one
    Raises `JobError` for an expression, a zone or a job that cannot be.
    """
    if not isinstance(expression, str):
        raise JobError(f"@schedule: expression is {expression!r}; write it as cron(0 3 * * ? *) or rate(5 minutes)")
    try:
        when = cron.parse(expression)
    except ValueError as error:
        raise JobError(f"@schedule({expression!r}) cannot be: {error}") from None
    _zone(timezone)
    if overlap not in ("skip", "queue"):
        raise JobError(f"@schedule: overlap is {overlap!r}; choose skip or queue")

    def add(job: Job[P, R]) -> Job[P, R]:
        if not isinstance(job, Job):
            raise JobError("@schedule stands above @job, which stands above the function")
        called = job.function.__name__ if name is None else name
        if not (isinstance(called, str) and 0 < len(called) <= 64 and set(called) <= _NAME):
            raise JobError(f"@schedule: name is {called!r}; take up to 64 letters, digits, and _ . -")
        if called in registry and (registry[called].job.name != job.name or registry[called] in job.schedules):
            raise JobError(f'there is a schedule called {called!r} already; give this one a name: name="{called}-2"')
        for parameter in job.signature.parameters.values():
            if parameter.default is parameter.empty:
                raise JobError(f"{job.name} has a schedule, which gives no {parameter.name!r}. Give it a default.")
        made = Schedule(
            name=called, job=job, expression=expression.strip(), timezone=timezone, overlap=overlap, when=when
        )
        job.schedules.append(made)
        registry[called] = made
        return job

    return add


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError, TypeError, AttributeError):  # KeyError: ZoneInfoNotFoundError
        raise JobError(f"timezone is {name!r}, which is no zone. Name it as in: Asia/Tokyo") from None


def due(name: str, time: str) -> Message:
    """The message of one tick; a tick that is told twice has the same id. Raises `KeyError` for an unknown name."""
    found = registry[name]
    identity = hashlib.sha256(f"{name} {time}".encode()).hexdigest()[:32]
    return Message(
        id=identity,
        job=found.job.name,
        arguments={},
        queue=found.job.options.queue,
        schedule=name,
        enqueued=_read(time).timestamp(),
    )


def read(body: str) -> Message:
    """Read a message, or the tick of a schedule; raises `Unreadable` for what is neither."""
    if '"schedule"' not in body or '"job"' in body:
        return Message.from_json(body)
    tick = parse(body)
    try:
        return due(tick["schedule"], tick["time"])
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise Unreadable(f"it is no schedule's: {error}") from None


def _read(time: str) -> datetime:
    read = datetime.fromisoformat(time)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def overlap(name: str | None) -> str:
    """What happens when two runs of a schedule meet."""
    return registry[name].overlap if name in registry else "skip"
