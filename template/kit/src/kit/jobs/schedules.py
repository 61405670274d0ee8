"""`@schedule` starts a job by itself. A schedule is declared above its job, and nowhere else."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import ParamSpec, TypeVar

from kit.jobs import registry
from kit.jobs.decorators import Job
from kit.jobs.spec import JobError, Schedule

P = ParamSpec("P")
R = TypeVar("R")

_NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")


def schedule(
    expression: str, *, timezone: str = "UTC", overlap: str = "skip", name: str | None = None
) -> Callable[[Job[P, R]], Job[P, R]]:
    """Start a job at regular times.

    On Lambda the expression and the time zone are not checked again, which keeps the cold start short: `make check` and
    every import on a laptop or in CI have checked them.

    Parameters:
        expression: as EventBridge Scheduler has it: `cron(minutes hours day-of-month month day-of-week year)`, or
            `rate(5 minutes)` with minutes, hours or days.
        timezone: an IANA name such as Asia/Tokyo, for cron expressions.
        overlap: if the previous run has not ended: "skip" this one, or "queue" it until then.
        name: up to 64 letters, digits, `_`, `.` and `-`; the function's name by default. A job's second schedule needs
            one.

    Returns:
        A decorator for a `Job`, which it returns unchanged.

    Raises:
        JobError: the expression, the time zone or an option is invalid, or the job has an argument without a default.

    Example:
        @schedule("cron(0 3 * * ? *)", timezone="Asia/Tokyo")
        @job
        def tidy() -> None: ...
    """
    if overlap not in ("skip", "queue"):
        raise JobError(f"@schedule: overlap is {overlap!r}; choose skip or queue")
    if not isinstance(expression, str):
        raise JobError(f"@schedule: expression is {expression!r}; write it as cron(0 3 * * ? *) or rate(5 minutes)")
    if "AWS_LAMBDA_FUNCTION_NAME" not in os.environ:
        _check(expression, timezone)

    def add(job: Job[P, R]) -> Job[P, R]:
        if not isinstance(job, Job):
            raise JobError("@schedule goes above @job, which goes above the function")
        schedule_name = job.function.__name__ if name is None else name
        if not (isinstance(schedule_name, str) and 0 < len(schedule_name) <= 64 and set(schedule_name) <= _NAME):
            raise JobError(f"@schedule: name is {schedule_name!r}; use up to 64 letters, digits, and _ . -")
        other = registry.schedules.get(schedule_name)
        if other and (other.job.name != job.name or other in job.schedules):
            raise JobError(
                f'There is another schedule named {schedule_name!r}. Give this one a name: name="{schedule_name}-2"'
            )
        for parameter in job.signature.parameters.values():
            if parameter.default is parameter.empty:
                raise JobError(
                    f"{job.name} has a schedule, which passes no arguments. Give {parameter.name!r} a default."
                )
        added = Schedule(schedule_name, job, expression.strip(), timezone, overlap)
        job.schedules.append(added)
        registry.schedules[schedule_name] = added
        return job

    return add


def next_time(schedule: Schedule, moment: datetime) -> datetime | None:
    """When a schedule is due next, strictly after `moment`; None if it never is again."""
    from kit.jobs import cron  # not at a web function's start

    return cron.parse(schedule.expression).after(moment, _zone(schedule.timezone))


def _check(expression: str, timezone: str) -> None:
    from kit.jobs import cron  # not at a web function's start

    try:
        cron.parse(expression)
    except ValueError as error:
        raise JobError(f"Invalid schedule {expression!r}: {error}") from None
    _zone(timezone)


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo  # slow to import

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError, TypeError, AttributeError):  # KeyError: ZoneInfoNotFoundError
        raise JobError(f"Unknown time zone {name!r}; use an IANA name such as Asia/Tokyo") from None
