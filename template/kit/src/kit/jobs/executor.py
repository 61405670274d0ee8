"""One delivery of a message: its job is run, retried later, or sent to the dead-letter queue with the reason.

An attempt is a delivery. `Outcome` says what happened; whoever received the message then deletes it from the queue, or
leaves it there, hidden until its next attempt.
"""

import logging
import math
from collections.abc import Callable
from enum import Enum
from time import perf_counter
from typing import Any, NamedTuple

from kit import logs
from kit.jobs import backoff, idempotency, incoming, locks, message, metrics, registry, serialization, timeouts
from kit.jobs.message import Delivery, Message, describe, text_of
from kit.jobs.queues.base import Queues
from kit.jobs.spec import JobSpec
from kit.jobs.timeouts import OutOfTime

log = logging.getLogger("kit.jobs")

LOCK_POLL = 30.0
"""The longest time, in seconds, after which a waiting run checks again whether the previous one has ended."""


class Outcome(Enum):
    """What happened to a delivery."""

    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    DEAD_LETTERED = "dead-lettered"
    REPLACED = "replaced"  # a copy is in the queue
    RETRIED = "retried"
    STARTED = "started"  # as a Fargate task, which finishes it

    @property
    def finished(self) -> bool:
        """Whether the message must be deleted from its queue."""
        return self is not Outcome.RETRIED and self is not Outcome.STARTED


def _unlimited() -> float:
    return math.inf


def _do_nothing(*_: object) -> None:
    pass


class ExecutionContext(NamedTuple):
    """The process that runs jobs."""

    queues: Queues
    """The queues that the messages come from."""
    time_left: Callable[[], float] = _unlimited
    """Returns the seconds until this process is stopped."""
    launch: Callable[[JobSpec, Message, Delivery], None] | None = None
    """Starts a job that runs too long for this process."""
    stop_heartbeat: Callable[[], None] = _do_nothing
    """Called before a message is hidden until its next attempt."""
    on_failure: Callable[[str, BaseException | None], None] = _do_nothing
    """Called with the reason and the error of each failed attempt."""
    lease: float = 30.0
    """Seconds for which a run holds its schedule without a heartbeat, or beyond the end of this process's time."""
    interruptible: bool = True
    """Whether KeyboardInterrupt ends the process, as on Ctrl-C; otherwise it is an error of the job."""


def process(delivery: Delivery, context: ExecutionContext) -> Outcome:
    """Process one delivery. After an error of the queues themselves, the message stays in its queue."""
    try:
        try:
            received = incoming.read(delivery.body, delivery.queue)
        except message.Unreadable as error:
            return dead_letter(delivery, None, f"the message is unreadable: {error}", context)
        job = registry.jobs.get(received.job)
        if job is None:
            return dead_letter(delivery, received, f"there is no job {received.job}", context)
        id_token, request_token = logs.job_id.set(received.id), logs.request_id.set(received.request_id)
        try:
            return _Attempt(job, received, delivery, context).run()
        finally:
            logs.request_id.reset(request_token)
            logs.job_id.reset(id_token)
    except Exception:
        log.exception("could not process a message; it stays in its queue")
        return Outcome.RETRIED


def dead_letter(delivery: Delivery, received: Message | None, reason: str, context: ExecutionContext) -> Outcome:
    """Send the message to the dead-letter queue; if that fails, it is delivered again and sent there then."""
    name = received.job if received else "unreadable"
    reason = message.fit(reason)
    context.queues.dead_letter(delivery, reason, received)
    log.error("job sent to the dead-letter queue: %s", reason, extra={"job": name, "message_id": delivery.id})
    metrics.write(name, DeadLettered=1)
    return Outcome.DEAD_LETTERED


class _Attempt:
    """One attempt of one job."""

    def __init__(self, job: JobSpec, received: Message, delivery: Delivery, context: ExecutionContext) -> None:
        self.job, self.message, self.delivery, self.context = job, received, delivery, context
        self.number = received.attempts_used + delivery.receive_count

    @property
    def fields(self) -> dict[str, Any]:
        """The extra fields of its log records."""
        fields: dict[str, Any] = {"job": self.job.name, "attempt": self.number}
        if self.job.options.log_arguments:
            fields["arguments"] = self.message.arguments
        if self.message.schedule:
            fields["schedule"] = self.message.schedule
        return fields

    def run(self) -> Outcome:
        """Run the job, unless this delivery is not to be run, or not here."""
        if (early := self._check_attempts()) is not None:
            return early
        schedule = self.message.schedule
        if self.job.on_fargate and self.context.launch:
            if schedule and locks.remaining(schedule):  # a task would only find out the same
                return self._wait_or_skip(schedule)
            return self._launch(self.context.launch)
        if (left := self.context.time_left()) <= 0:
            return self._put_back(0)
        if not schedule:
            return self._run(left)
        unlimited = math.isinf(left)
        lease = self.context.lease if unlimited else min(self.job.options.max_runtime, left) + self.context.lease
        with locks.hold(schedule, lease, renew=unlimited) as held:
            return self._run(self.context.time_left()) if held else self._wait_or_skip(schedule)

    def _check_attempts(self) -> Outcome | None:
        """Stop at a message whose earlier attempts died with their process, or that its queue is about to give up."""
        if self.delivery.receive_count == 1:
            return None
        if self.number > self.job.options.attempts:
            others = ", or jobs before it in its group failed" if self._ordered else ""
            return self._dead_letter(
                f"the process died in attempt {self.number - 1} of {self.job.options.attempts}{others}"
            )
        limit = self.context.queues.max_receive_count(self.delivery.queue)
        if limit and self.delivery.receive_count >= limit > 1 and not self._ordered:
            return self._replace(0, attempts_used=self.number - 1)
        return None

    @property
    def _ordered(self) -> bool:
        return self.delivery.queue.endswith(".fifo")

    def _launch(self, launch: Callable[[JobSpec, Message, Delivery], None]) -> Outcome:
        try:
            launch(self.job, self.message, self.delivery)
        except Exception as error:  # noqa: BLE001 - it is logged, and counts as a failed attempt
            return self._failed(f"its task could not be started: {text_of(error)}", error)
        log.info("job started as a task", extra=self.fields)
        return Outcome.STARTED

    def _run(self, left: float) -> Outcome:
        """Run the job for its max_runtime, or for the seconds that are left here."""
        try:
            values = serialization.decode(self.job, self.message.arguments)
        except serialization.Unreadable as error:
            return self._dead_letter(str(error))
        started = perf_counter()
        try:
            with idempotency.once_if(self.job.name, self.message.idempotency_key):
                timeouts.call(self.job.function, values, min(self.job.options.max_runtime, left))
        except idempotency.AlreadyDone:
            return self._skip("its idempotency key has been used")
        except OutOfTime:
            why = f"it was stopped after {perf_counter() - started:.0f} s"
            return self._failed(f"{why}, its max_runtime" if left >= self.job.options.max_runtime else why, None)
        except BaseException as error:  # CancelledError, SystemExit and the like are failed attempts too
            if isinstance(error, KeyboardInterrupt) and self.context.interruptible:
                raise
            return self._failed(describe(error), error)
        milliseconds = (perf_counter() - started) * 1000
        if log.isEnabledFor(logging.INFO):
            log.info("job succeeded", extra=self.fields | {"ms": round(milliseconds, 2)})
        metrics.succeeded(self.message, milliseconds)
        return Outcome.SUCCEEDED

    def _failed(self, reason: str, error: BaseException | None) -> Outcome:
        """Retry later, or send the job to the dead-letter queue."""
        self.context.stop_heartbeat()
        self.context.on_failure(reason, error)
        metrics.write(self.job.name, Started=1, Failed=1)
        if self.number >= self.job.options.attempts:
            return self._dead_letter(
                f"{reason} (attempt {self.number} of {self.job.options.attempts}, the last)", error
            )
        wait = self._backoff()
        log.warning(
            "job failed and will be retried: %s",
            reason,
            exc_info=error,
            extra=self.fields | {"retry_in_s": round(wait)},
        )
        metrics.write(self.job.name, Retried=1)
        limit = self.context.queues.max_receive_count(self.delivery.queue)
        if not limit or self.delivery.receive_count < limit:
            self.context.queues.change_visibility(self.delivery, wait)
            return Outcome.RETRIED
        if self._ordered:  # a copy would come after the messages that it must precede
            return self._dead_letter(f"{reason} (attempt {self.number}, the last that its queue allows)", error)
        return self._replace(wait, attempts_used=self.number)

    def _backoff(self) -> float:
        """Seconds until the next attempt; an error in the job's own function must not hide why the job failed."""
        try:
            return min(max(0.0, float(self.job.options.backoff(self.number))), backoff.MAX_DELAY)
        except Exception:
            log.exception("the backoff of %s failed; the default is used", self.job.name)
            return backoff.DEFAULT(self.number)

    def _dead_letter(self, reason: str, error: BaseException | None = None) -> Outcome:
        if error:
            log.error("job failed for the last time", exc_info=error, extra=self.fields)
        return dead_letter(self.delivery, self.message, reason, self.context)

    def _skip(self, why: str) -> Outcome:
        log.info("job skipped: %s", why, extra=self.fields)
        metrics.write(self.job.name, Skipped=1)
        return Outcome.SKIPPED

    def _wait_or_skip(self, schedule: str) -> Outcome:
        """Another run of the schedule is in progress: skip this one or let it wait, as the schedule says.

        It waits no longer than the lease lasts, which is not renewed if the other's process has died.
        """
        declared = registry.schedules.get(schedule)
        if self.number == 1 and (declared is None or declared.overlap == "skip"):
            return self._skip("the previous run has not ended")
        self.context.stop_heartbeat()
        wait = min(LOCK_POLL, locks.remaining(schedule))
        return self._replace(wait, attempts_used=self.number - 1)  # on a FIFO queue too, where hiding costs an attempt

    def _put_back(self, wait: float) -> Outcome:
        """Have it delivered again, without an attempt being counted."""
        self.context.stop_heartbeat()
        if self._ordered:
            self.context.queues.change_visibility(self.delivery, wait)
            return Outcome.RETRIED
        return self._replace(wait, attempts_used=self.number - 1)

    def _replace(self, wait: float, *, attempts_used: int) -> Outcome:
        """Send a copy, whose deliveries are counted from zero, instead of this message."""
        self.context.queues.send([self.message.retry(attempts_used=attempts_used)], wait)
        return Outcome.REPLACED
