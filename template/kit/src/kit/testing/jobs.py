"""Helpers for tests of jobs, also available from `kit.testing`.

    assert_enqueued(draw, message_id=42)    # it is in the queue, with these arguments
    run_jobs()                              # run all jobs that are due in this process; their errors are raised
    with frozen_clock("2026-01-31T12:00:00Z") as clock:
        clock.move(days=2)

They use the local queue in the tests' database: leave JOBS at `local`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from kit import clock, settings
from kit.jobs import decorators, executor, serialization
from kit.jobs.decorators import Job
from kit.jobs.message import Delivery, Message
from kit.jobs.queues.database import LocalQueues


class JobFailed(AssertionError):
    """A job failed in `run_jobs`; its error is the cause."""


def enqueued(job: Job[Any, Any] | None = None) -> list[Message]:
    """Return the messages in the queue, oldest first: of one job, or of all."""
    if settings.current().jobs != "local":
        raise AssertionError("These helpers use the local queue: leave JOBS at local in tests.")
    return [message for message in LocalQueues().waiting() if job is None or message.job == job.name]


def assert_enqueued(job: Job[Any, Any], *, times: int = 1, **arguments: Any) -> None:
    """Fail unless the job is in the queue `times` times with these arguments. Other arguments may have any value."""
    calls = [serialization.decode(job, message.arguments) for message in enqueued(job)]
    matching = [call for call in calls if arguments.items() <= call.items()]
    if len(matching) != times:
        others = "\n".join(f"  {job.name}({_format(call)})" for call in calls) or "  nothing"
        raise AssertionError(
            f"{job.name}({_format(arguments)}) is enqueued {len(matching)} times, not {times}. In the queue:\n{others}"
        )


def run_jobs(limit: int = 1000) -> int:
    """Run the jobs that are due, and those that they enqueue; return how many ran.

    Raises `JobFailed` at the first job that fails, which stays in the queue for a retry, and `AssertionError` after
    `limit` jobs.
    """
    decorators.load()
    queues = LocalQueues()
    for number in range(limit):
        delivery = queues.receive()
        if delivery is None:
            return number
        outcome = _run(delivery, queues)
        if outcome.finished:
            queues.remove(delivery)
    raise AssertionError(f"There are still jobs after {limit}. Does one enqueue itself?")


def _run(delivery: Delivery, queues: LocalQueues) -> executor.Outcome:
    errors: list[tuple[str, BaseException | None]] = []
    outcome = executor.process(
        delivery, executor.Place(queues, failed=lambda reason, error: errors.append((reason, error)))
    )
    if errors:
        reason, error = errors[0]
        raise JobFailed(reason) from error
    if outcome is executor.Outcome.DEAD:
        raise JobFailed(next(letter.reason for letter in queues.dead() if letter.id == delivery.id))
    return outcome


def _format(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())


class FrozenClock:
    """A clock that shows the same time until it is moved."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        """Return the time."""
        return self.moment

    def move(self, **duration: float) -> None:
        """Move the clock by a duration: `move(minutes=5)`."""
        self.moment += timedelta(**duration)


@contextmanager
def frozen_clock(moment: str | datetime | None = None) -> Iterator[FrozenClock]:
    """Freeze the kit's clock, by default at the current time, for queues, delays, schedules and `kit.clock.now()`."""
    start = datetime.fromisoformat(moment) if isinstance(moment, str) else moment or clock.now()
    if start.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; write 2026-01-31T12:00:00Z")
    frozen = FrozenClock(start)
    clock.use(frozen.now)
    try:
        yield frozen
    finally:
        clock.use()
