"""The way into a queue: at once, or with the transaction that is open."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from kit import clock, logs, settings
from kit.jobs import metrics, serialization
from kit.jobs.decorators import Job, JobError, duration
from kit.jobs.message import MAX_BYTES, MAX_GROUP, MAX_KEY, Message, Queues, is_unicode

FARTHEST = 10 * 366 * 86400.0
"""Seconds; a job can be enqueued for a time within the next ten years."""


def queues() -> Queues:
    """The queues that the settings name."""
    if settings.current().jobs == "sqs":
        from kit.jobs.queues.sqs import SqsQueues

        return SqsQueues()
    from kit.jobs.queues.database import LocalQueues

    return LocalQueues()


def one(
    job: Job[Any, Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    delay: timedelta | float | None,
    at: datetime | None,
    key: str | None,
    group: str | None,
) -> str:
    """Hand off one job; see `Job.enqueue`."""
    wait = _wait(job, delay, at)
    message = _message(job, args, kwargs, wait, key, group)
    submit([message], wait)
    return message.id


def many(
    job: Job[Any, Any],
    calls: Iterable[tuple[Any, ...] | dict[str, Any]],
    *,
    delay: timedelta | float | None,
    at: datetime | None,
    group: str | None,
) -> list[str]:
    """Hand off one job for each of the calls; see `Job.enqueue_many`. None is sent when one cannot be."""
    wait = _wait(job, delay, at)
    messages = []
    for call in calls:
        if not isinstance(call, tuple | dict):
            raise JobError(
                f"{job.name}.enqueue_many() takes tuples or dicts of arguments, such as [(1,), (2,)]: {call!r}"
            )
        args, kwargs = (call, {}) if isinstance(call, tuple) else ((), call)
        messages.append(_message(job, args, kwargs, wait, None, group))
    if messages:
        submit(messages, wait)
    return [message.id for message in messages]


def submit(messages: list[Message], delay: float) -> None:
    """Put messages in, once the open transaction is committed, if one is."""
    from kit.db import transactions

    mode = settings.current().jobs
    session = transactions.current()
    if mode == "inline":
        from kit.jobs import executor

        if session:
            transactions.after_commit(lambda: executor.inline(messages))
        else:
            executor.inline(messages)
    elif session is None:
        queues().send(messages, delay)
    elif mode == "local":
        from kit.jobs.queues import database as local

        local.add(session, messages, delay)
    else:
        from kit.jobs import outbox

        outbox.keep(session, messages)
    if session:
        transactions.after_commit(lambda: metrics.queued(messages))
    else:
        metrics.queued(messages)


def _message(
    job: Job[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any], wait: float, key: str | None, group: str | None
) -> Message:
    if key is not None and not (isinstance(key, str) and 0 < len(key) <= MAX_KEY and is_unicode(key)):
        raise JobError(f"{job.name}: key is {key!r}; give a text of 1 to {MAX_KEY} characters, none of them half")
    if group is not None and not (
        isinstance(group, str) and 0 < len(group) <= MAX_GROUP and all("!" <= character <= "~" for character in group)
    ):
        raise JobError(
            f"{job.name}: group is {group!r}; give 1 to {MAX_GROUP} letters, digits or signs of ASCII, no spaces"
        )
    now = clock.now().timestamp()
    message = Message.new(
        job.name,
        serialization.encode(job, args, kwargs),
        queue=job.options.queue,
        key=key,
        group=group,
        request_id=logs.request_id.get(),
        enqueued=now,
        due=now + wait if wait else None,
    )
    if problem := _too_large(job, message, wait):
        raise JobError(f"{job.name}: {problem}. Keep the data in the database, or in a file, and send what finds it.")
    if not job.findable:
        from kit.jobs import discovery

        discovery.check(job)
    return message


def _too_large(job: Job[Any, Any], message: Message, wait: float) -> str | None:
    if job.on_fargate:
        from kit.jobs.runners import fargate

        if problem := fargate.check_size(message):
            return problem
    size = len(message.to_json().encode())
    if size > MAX_BYTES:
        return f"its arguments make {size:,} bytes, and a message can have {MAX_BYTES:,}"
    if wait:
        from kit.jobs.queues import sqs

        return sqs.check_size(message, wait)
    return None


def _wait(job: Job[Any, Any], delay: timedelta | float | None, at: datetime | None) -> float:
    """Seconds from now."""
    if delay is not None and at is not None:
        raise JobError(f"{job.name}: give delay or at, not both")
    if at is not None:
        if not isinstance(at, datetime) or at.utcoffset() is None:
            raise JobError(f"{job.name}: at is {at!r}; give a moment with a time zone, such as datetime.now(UTC)")
        wait = (at - clock.now()).total_seconds()
        if wait > FARTHEST:
            raise JobError(f"{job.name}: at is {at}; it is at most ten years from now")
        return max(0.0, wait)
    if delay is None:
        return 0.0
    wait = duration(delay, f"{job.name}: delay")
    if not 0 <= wait <= FARTHEST:
        raise JobError(f"{job.name}: delay is {delay!r}; it is not negative, and at most ten years")
    return wait
