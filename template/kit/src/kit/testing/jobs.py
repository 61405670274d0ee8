"""What your tests of jobs lean on; `kit.testing` gives these names too.

    assert_enqueued(draw, message_id=42)    # it stands in the queue, with these arguments
    run_jobs()                              # run all that is due, in this process; their errors come through
    with frozen_clock("2026-01-31T12:00:00Z") as clock:
        clock.move(days=2)

They look into the local queue, in the database that the tests use: leave JOBS at `local`.
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
    """A job that `run_jobs` ran did not succeed; its error is the cause."""


def enqueued(job: Job[Any, Any] | None = None) -> list[Message]:
    """What stands in the queue, the oldest first: of one job, or of all."""
    if settings.current().jobs != "local":
        raise AssertionError("these helpers look into the local queue: leave JOBS at local in tests")
    return [message for message in LocalQueues().waiting() if job is None or message.job == job.name]


def assert_enqueued(job: Job[Any, Any], *, times: int = 1, **wanted: Any) -> None:
    """Fail unless the job stands in the queue so many times with these arguments, whatever its others are."""
    found = [serialization.decode(job, message.arguments) for message in enqueued(job)]
    fitting = [values for values in found if all(name in values and values[name] == wanted[name] for name in wanted)]
    if len(fitting) != times:
        others = "\n".join(f"  {job.name}({_shown(values)})" for values in found) or "  nothing of it"
        raise AssertionError(
            f"{job.name}({_shown(wanted)}) is enqueued {len(fitting)} times, not {times}; there is:\n{others}"
        )


def run_jobs(most: int = 1000) -> int:
    """Run what is due, and what that enqueues; gives how many ran.

    Raises `JobFailed` at the first that does not succeed, which stays in the queue to be tried again.
    """
    decorators.load()
    queues = LocalQueues()
    for number in range(most):
        delivery = queues.receive()
        if delivery is None:
            return number
        outcome = _run(delivery, queues)
        if outcome.finished:
            queues.remove(delivery)
    raise AssertionError(f"after {most} jobs there are still more: does one enqueue itself?")


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


def _shown(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())


class FrozenClock:
    """A clock that stands still until it is moved."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        """What it shows."""
        return self.moment

    def move(self, **duration: float) -> None:
        """Move it on: `move(minutes=5)`."""
        self.moment += timedelta(**duration)


@contextmanager
def frozen_clock(moment: str | datetime | None = None) -> Iterator[FrozenClock]:
    """Hold the kit's clock at a moment (now by default) for queues, delays, schedules and `kit.clock.now()`."""
    held = datetime.fromisoformat(moment) if isinstance(moment, str) else moment or clock.now()
    if held.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; write 2026-01-31T12:00:00Z")
    frozen = FrozenClock(held)
    clock.use(frozen.now)
    try:
        yield frozen
    finally:
        clock.use()
