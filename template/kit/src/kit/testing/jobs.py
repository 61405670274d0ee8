"""Helpers for your tests of jobs; `kit.testing` exports them too.

    assert_enqueued(draw, message_id=42)    # it is in the queue, with this argument
    run_jobs()                              # run everything that is due, in this process
    send_event({"source": …, "detail-type": …, "detail": {…}})    # enqueue the jobs that an event of AWS starts
    with frozen_clock("2026-01-31T12:00:00Z") as clock:
        clock.move(days=2)

They use the database queue of the tests' database: leave JOBS at `local`.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from kit import clock, settings
from kit.jobs import events, executor, loading, serialization
from kit.jobs.executor import ExecutionContext, Outcome
from kit.jobs.message import Delivery, Message
from kit.jobs.queues.database import DatabaseQueues
from kit.jobs.spec import JobSpec


class JobFailed(AssertionError):
    """A job that `run_jobs` ran did not succeed; its error is the cause."""


def enqueued(job: JobSpec | None = None) -> list[Message]:
    """The messages in the queue, delayed ones included.

    Parameters:
        job: only messages of this job; all by default.

    Returns:
        The messages, the oldest first; each has `job`, `arguments`, `due` and more.

    Raises:
        AssertionError: JOBS is not `local`.

    Example:
        assert enqueued(draw) == []
    """
    if settings.current().jobs != "local":
        raise AssertionError("these helpers use the database queue: leave JOBS at local in tests")
    return [message for message in DatabaseQueues().waiting() if job is None or message.job == job.name]


def assert_enqueued(job: JobSpec, *, times: int = 1, **arguments: Any) -> None:
    """Check that the job is in the queue with these arguments.

    Parameters:
        job: the job.
        times: how often it must be there.
        arguments: arguments by name; those that are not given may have any value.

    Raises:
        AssertionError: it is there more or less often; the message lists what is there.

    Example:
        assert_enqueued(draw, message_id=42)
    """
    calls = [serialization.decode(job, message.arguments) for message in enqueued(job)]
    matches = [call for call in calls if all(name in call and call[name] == arguments[name] for name in arguments)]
    if len(matches) != times:
        others = "\n".join(f"  {job.name}({_format(call)})" for call in calls) or "  none"
        raise AssertionError(
            f"{job.name}({_format(arguments)}) is enqueued {len(matches)} times, not {times}; enqueued are:\n{others}"
        )


def send_event(event: dict[str, Any]) -> list[Message]:
    """Enqueue the jobs that an event of AWS starts, as `@on.event`, `@on.s3`, `@on.topic` and `@on.stream` declare.

    Names of resources match with and without project and stage: `my-app-prod-uploads` and `uploads`.

    Parameters:
        event: an event of EventBridge (`source`, `detail-type` and `detail`; what else it has is added), a notification
            of SNS (`Type` "Notification", `TopicArn`, `Message`), a record of a DynamoDB stream, or `{"Records": [...]}`
            as Lambda delivers the last two.

    Returns:
        The messages that were enqueued, one for each job.

    Raises:
        JobError: it is none of these, or too large for its job.

    Example:
        upload = {"bucket": {"name": "uploads"}, "object": {"key": "photos/1.jpg"}}
        send_event({"source": "aws.s3", "detail-type": "Object Created", "detail": upload})
        assert run_jobs() == 1
    """
    loading.load()
    return events.enqueue(event, DatabaseQueues())


def run_jobs(limit: int = 1000) -> int:
    """Run the jobs that are due, and those that they enqueue, in this process.

    Parameters:
        limit: how many jobs to run at most, so that a job that enqueues itself ends.

    Returns:
        How many jobs ran.

    Raises:
        JobFailed: a job did not succeed; it stays in the queue to be retried.
        AssertionError: more jobs than `limit` are due.

    Example:
        draw.enqueue(42)
        assert run_jobs() == 1
    """
    loading.load()
    queues = DatabaseQueues()
    for number in range(limit):
        delivery = queues.receive()
        if delivery is None:
            return number
        outcome = _run(delivery, queues)
        if outcome.finished:
            queues.delete(delivery)
    raise AssertionError(f"more jobs are due after {limit}: does one enqueue itself?")


def _run(delivery: Delivery, queues: DatabaseQueues) -> Outcome:
    failures: list[tuple[str, BaseException | None]] = []
    context = ExecutionContext(queues, on_failure=lambda reason, error: failures.append((reason, error)))
    log = logging.getLogger("kit.jobs")
    log.addFilter(_without_traceback)
    try:
        outcome = executor.process(delivery, context)
    finally:
        log.removeFilter(_without_traceback)
    if failures:
        reason, error = failures[0]
        raise JobFailed(reason) from error
    if outcome is Outcome.DEAD_LETTERED:
        raise JobFailed(next(letter.reason for letter in queues.dead_letters() if letter.id == delivery.id))
    return outcome


def _without_traceback(record: logging.LogRecord) -> bool:
    """Leave the traceback to `JobFailed`, so that a test that fails shows it once."""
    record.exc_info = None
    return True


def _format(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())


class FrozenClock:
    """A clock that stands still until it is moved."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        """The time that it shows."""
        return self.moment

    def move(self, **duration: float) -> None:
        """Move it forward, by the parameters of `timedelta`: `move(minutes=5)`."""
        self.moment += timedelta(**duration)


@contextmanager
def frozen_clock(moment: str | datetime | None = None) -> Iterator[FrozenClock]:
    """Stop the clock of queues, delays, schedules and `kit.clock.now()` within the block.

    Parameters:
        moment: a datetime with a time zone, or ISO 8601 text; now by default.

    Yields:
        The clock, to be moved with `clock.move(days=2)`.

    Raises:
        ValueError: the moment has no time zone.

    Example:
        with frozen_clock("2026-01-31T12:00:00Z") as clock:
            clock.move(days=2)
            run_jobs()
    """
    start = datetime.fromisoformat(moment) if isinstance(moment, str) else moment or clock.now()
    if start.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; write 2026-01-31T12:00:00Z")
    frozen = FrozenClock(start)
    clock.use(frozen.now)
    try:
        yield frozen
    finally:
        clock.use()
