"""One delivery of a message: the job is run, retried later, or buried in the dead-letter queue with its reason.

An attempt is a delivery. `Outcome` says what became of it; whoever received the message then removes it from the
queue, or leaves it there, hidden until its next attempt.
"""

import logging
import math
from collections.abc import Callable
from enum import Enum
from time import perf_counter
from typing import Any, NamedTuple

from kit import logs
from kit.jobs import backoff, decorators, idempotency, locks, message, metrics, schedules, serialization, timeouts
from kit.jobs.decorators import Job
from kit.jobs.message import Delivery, Message, Queues
from kit.jobs.timeouts import OutOfTime

log = logging.getLogger("kit.jobs")

BETWEEN = 30.0
"""Seconds after which a run looks again whether the one before it has ended, at the latest."""


class Outcome(Enum):
    """What became of a delivery."""

    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    DEAD = "dead"
    REPLACED = "replaced"  # a copy stands in the queue
    RETRIED = "retried"
    STARTED = "started"  # on Fargate, which finishes it

    @property
    def finished(self) -> bool:
        """Whether the message is to be removed from its queue."""
        return self is not Outcome.RETRIED and self is not Outcome.STARTED


def _no_end() -> float:
    return math.inf


def _nothing() -> None:
    pass


def _unheard(_: str, __: BaseException | None) -> None:
    pass


def describe(error: BaseException) -> str:
    """The type of an exception and what it says, as text that every queue can store."""
    return message.fit(f"{type(error).__name__}: {text_of(error)}")


def text_of(error: BaseException) -> str:
    """What an exception says; its own `__str__` may raise in turn."""
    try:
        return message.fit(str(error))
    except BaseException as failure:  # noqa: BLE001 - the reason is that of the first error
        return f"(its __str__ raised {type(failure).__name__})"


class Place(NamedTuple):
    """Where jobs run."""

    queues: Queues
    """Those that the messages come from."""
    time_left: Callable[[], float] = _no_end
    """Gives the seconds that this place has left."""
    launch: Callable[[Job[Any, Any], Message, Delivery], None] | None = None
    """Starts a job that is too long for this place."""
    settle: Callable[[], None] = _nothing
    """Called before a message is hidden until its next attempt."""
    failed: Callable[[str, BaseException | None], None] = _unheard
    """Told of each attempt that fails, and why."""
    lease: float = 30.0
    """Seconds for which a run holds its schedule without a sign of life, or after the end of this place's time."""
    interruptible: bool = True
    """Whether KeyboardInterrupt ends the process: Ctrl-C, or a worker that is to stop. It is a job's own otherwise."""


def process(delivery: Delivery, place: Place) -> Outcome:
    """Deal with one delivery. An error of the queues themselves leaves the message where it is."""
    try:
        try:
            told = schedules.read(delivery.body)
        except message.Unreadable as error:
            return bury(delivery, None, f"the message cannot be read: {error}", place)
        job = decorators.registry.get(told.job)
        if job is None:
            return bury(delivery, told, f"there is no job {told.job}", place)
        id_token, request_token = logs.job_id.set(told.id), logs.request_id.set(told.request_id)
        try:
            return _Attempt(job, told, delivery, place).make()
        finally:
            logs.request_id.reset(request_token)
            logs.job_id.reset(id_token)
    except Exception:
        log.exception("a message could not be dealt with; it stays in its queue")
        return Outcome.RETRIED


def bury(delivery: Delivery, told: Message | None, reason: str, place: Place) -> Outcome:
    """Put the message into the dead-letter queue; where that fails, it comes again and is buried then."""
    name = told.job if told else "unreadable"
    reason = message.fit(reason)
    place.queues.bury(delivery, reason, told)
    log.error("job is dead: %s", reason, extra={"job": name, "message_id": delivery.id})
    metrics.write(name, Dead=1)
    return Outcome.DEAD


class _Attempt:
    """One attempt of one job."""

    def __init__(self, job: Job[Any, Any], told: Message, delivery: Delivery, place: Place) -> None:
        self.job, self.told, self.delivery, self.place = job, told, delivery, place
        self.number = told.spent + delivery.receives

    @property
    def fields(self) -> dict[str, Any]:
        """What a log line says of it."""
        said: dict[str, Any] = {"job": self.job.name, "attempt": self.number}
        if self.job.options.log_arguments:
            said["arguments"] = self.told.arguments
        if self.told.schedule:
            said["schedule"] = self.told.schedule
        return said

    def make(self) -> Outcome:
        """Run the job, if this delivery is one to run."""
        if (early := self._before_running()) is not None:
            return early
        schedule = self.told.schedule
        if self.job.on_fargate and self.place.launch:
            if schedule and locks.remaining(schedule):  # a task would only find out the same
                return self._wait_or_skip(schedule)
            return self._start_elsewhere(self.place.launch)
        if (left := self.place.time_left()) <= 0:
            return self._put_back(0)
        if not schedule:
            return self._run(left)
        endless = math.isinf(left)
        lease = self.place.lease if endless else min(self.job.options.max_runtime, left) + self.place.lease
        with locks.hold(schedule, lease, renew=endless) as held:
            return self._run(self.place.time_left()) if held else self._wait_or_skip(schedule)

    def _before_running(self) -> Outcome | None:
        """Stop at a message whose earlier attempts ended without a word, or that its queue is about to give up."""
        if self.delivery.receives == 1:
            return None
        if self.number > self.job.options.attempts:
            others = ", or jobs before it in its group failed" if self._ordered else ""
            return self._die(f"the process died in attempt {self.number - 1} of {self.job.options.attempts}{others}")
        most = self.place.queues.most_receives(self.delivery.queue)
        if most and self.delivery.receives >= most > 1 and not self._ordered:
            return self._replace(0, spent=self.number - 1)
        return None

    @property
    def _ordered(self) -> bool:
        return self.delivery.queue.endswith(".fifo")

    def _start_elsewhere(self, launch: Callable[[Job[Any, Any], Message, Delivery], None]) -> Outcome:
        try:
            launch(self.job, self.told, self.delivery)
        except Exception as error:  # noqa: BLE001 - it is logged, and counts as a failed attempt
            return self._failed(f"its task could not be started: {text_of(error)}", error)
        log.info("job is started as a task of its own", extra=self.fields)
        return Outcome.STARTED

    def _run(self, left: float) -> Outcome:
        """Run the job for as long as it may take, or for the seconds that are left here."""
        try:
            values = serialization.decode(self.job, self.told.arguments)
        except serialization.Unreadable as error:
            return self._die(str(error))
        begun = perf_counter()
        try:
            self._call(values, min(self.job.options.max_runtime, left))
        except idempotency.AlreadyDone:
            return self._skip("it was done before: its key is taken")
        except OutOfTime:
            why = f"it was stopped after {perf_counter() - begun:.0f} s"
            return self._failed(f"{why}, its max_runtime" if left >= self.job.options.max_runtime else why, None)
        except BaseException as error:  # CancelledError, SystemExit, a library's own: a failed attempt like any other
            if isinstance(error, KeyboardInterrupt) and self.place.interruptible:
                raise
            return self._failed(describe(error), error)
        took = (perf_counter() - begun) * 1000
        if log.isEnabledFor(logging.INFO):
            log.info("job succeeded", extra=self.fields | {"ms": round(took, 2)})
        metrics.succeeded(self.told, took)
        return Outcome.SUCCEEDED

    def _call(self, values: dict[str, Any], seconds: float) -> None:
        if self.told.key is None:
            return timeouts.call(self.job.function, values, seconds)
        with idempotency.once(self.job.name, self.told.key):
            timeouts.call(self.job.function, values, seconds)

    def _failed(self, reason: str, error: BaseException | None) -> Outcome:
        """Try again later, or give the job up."""
        self.place.settle()
        self.place.failed(reason, error)
        metrics.write(self.job.name, Started=1, Failed=1)
        if self.number >= self.job.options.attempts:
            return self._die(f"{reason} (attempt {self.number} of {self.job.options.attempts}, the last)", error)
        wait = self._backoff()
        log.warning(
            "job failed and is tried again: %s", reason, exc_info=error, extra=self.fields | {"again_in_s": round(wait)}
        )
        metrics.write(self.job.name, Retried=1)
        most = self.place.queues.most_receives(self.delivery.queue)
        if not most or self.delivery.receives < most:
            self.place.queues.postpone(self.delivery, wait)
            return Outcome.RETRIED
        if self._ordered:  # a copy would stand behind the messages that it must precede
            return self._die(f"{reason} (attempt {self.number}, the last that its queue allows)", error)
        return self._replace(wait, spent=self.number)

    def _backoff(self) -> float:
        """Seconds until the next attempt; a job's own function that fails must not hide why the job did."""
        try:
            return min(max(0.0, float(self.job.options.backoff(self.number))), decorators.LONGEST)
        except Exception:
            log.exception("the backoff of %s failed; the default is used", self.job.name)
            return backoff.DEFAULT(self.number)

    def _die(self, reason: str, error: BaseException | None = None) -> Outcome:
        if error:
            log.error("job failed for the last time", exc_info=error, extra=self.fields)
        return bury(self.delivery, self.told, reason, self.place)

    def _skip(self, why: str) -> Outcome:
        log.info("job is skipped: %s", why, extra=self.fields)
        metrics.write(self.job.name, Skipped=1)
        return Outcome.SKIPPED

    def _wait_or_skip(self, schedule: str) -> Outcome:
        """Another run of the schedule is under way: a new one is skipped or waits, as the schedule says.

        It waits no longer than the lease lasts, which nobody renews if the other's process has died.
        """
        if self.number == 1 and schedules.overlap(schedule) == "skip":
            return self._skip("the run before it has not ended")
        self.place.settle()
        wait = min(BETWEEN, locks.remaining(schedule))
        return self._replace(wait, spent=self.number - 1)  # on a FIFO queue too, where postponing costs an attempt

    def _put_back(self, wait: float) -> Outcome:
        """Have it given out again, without an attempt being counted."""
        self.place.settle()
        if self._ordered:
            self.place.queues.postpone(self.delivery, wait)
            return Outcome.RETRIED
        return self._replace(wait, spent=self.number - 1)

    def _replace(self, wait: float, *, spent: int) -> Outcome:
        """Send a copy whose deliveries are counted anew, instead of this one."""
        self.place.queues.send([self.told.again(spent=spent)], wait)
        return Outcome.REPLACED


class InlineError(RuntimeError):
    """A job that was run where it was enqueued did not succeed."""


def inline(messages: list[Message]) -> None:
    """Run jobs where they are enqueued (JOBS=inline): once, their errors raised, delays not waited for."""
    decorators.load()
    for told in messages:
        told = Message.from_json(told.to_json())  # what cannot travel must not work here either
        job = decorators.registry[told.job]
        values = serialization.decode(job, told.arguments)
        token = logs.job_id.set(told.id)
        try:
            if told.key is None:
                timeouts.call(job.function, values, job.options.max_runtime)
            else:
                with idempotency.once(job.name, told.key):
                    timeouts.call(job.function, values, job.options.max_runtime)
        except idempotency.AlreadyDone:
            log.info("job is skipped: it was done before: its key is taken", extra={"job": job.name})
        except OutOfTime:
            if timeouts.expired():  # it is the job around this one that is stopped
                raise
            raise InlineError(
                f"{job.name} was stopped after {job.options.max_runtime:.0f} s, its max_runtime"
            ) from None
        except (Exception, KeyboardInterrupt):
            raise
        except BaseException as error:  # CancelledError or SystemExit would cancel or end whoever enqueues
            raise InlineError(f"{job.name} failed: {describe(error)}") from error
        finally:
            logs.job_id.reset(token)
