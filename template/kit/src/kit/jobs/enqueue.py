"""Enqueueing jobs: immediately, or after the commit of the open transaction."""

import logging
from datetime import datetime, timedelta
from typing import Any

from kit import clock, logs, settings
from kit.db import transactions
from kit.jobs import metrics, registry, serialization, ticks
from kit.jobs.message import MAX_GROUP, MAX_KEY, Message, is_unicode
from kit.jobs.queues.base import Queues
from kit.jobs.spec import JobError, JobSpec, to_seconds

log = logging.getLogger("kit.jobs")

MAX_DELAY = 10 * 366 * 86400.0
"""Seconds; a job can be delayed for ten years at most."""


def configured_queues() -> Queues:
    """The queues that the setting `JOBS` selects; only their module is imported, to keep the cold start short."""
    match settings.current().jobs:
        case "sqs":
            from kit.jobs.queues.sqs import SqsQueues

            return SqsQueues()
        case "inline":
            from kit.jobs.queues.inline import InlineQueues

            return InlineQueues()
    from kit.jobs.queues.database import DatabaseQueues

    return DatabaseQueues()


def enqueue(
    job: JobSpec,
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]],
    *,
    delay: timedelta | float | None = None,
    at: datetime | None = None,
    idempotency_key: str | None = None,
    group: str | None = None,
) -> list[str]:
    """Enqueue one message for each call (its args and kwargs), or none if one is invalid; returns their ids.

    See `Job.enqueue` for the parameters.
    """
    wait = _seconds_to_wait(job, delay, at)
    _check_key(job, idempotency_key)
    _check_group(job, group)
    queues = configured_queues()
    session = transactions.current()
    now = clock.now().timestamp()
    messages = []
    for args, kwargs in calls:
        message = Message.new(
            job.name,
            serialization.encode(job, args, kwargs),
            queue=job.options.queue,
            idempotency_key=idempotency_key,
            group=group,
            request_id=logs.request_id.get(),
            enqueued=now,
            due=now + wait if wait else None,
        )
        body = message.to_json()
        if problem := queues.check_size(message, body, delay=wait, on_fargate=job.on_fargate):
            raise JobError(f"{job.name}: {problem}. Keep the data in the database or in a file, and send its id.")
        messages.append(message)
    if not job.findable:
        from kit.jobs import discovery  # only for jobs outside of app.jobs: it imports ast and subprocess

        discovery.check(job)
    if not messages:
        return []
    if session is None:
        queues.send(messages, wait)
        metrics.queued(messages)
    else:
        queues.send_after_commit(session, messages, wait)
        transactions.after_commit(lambda: metrics.queued(messages))
    return [message.id for message in messages]


def enqueue_tick(schedule: str, time: str) -> None:
    """Enqueue the job of a schedule for one tick; `time` is the scheduled time in ISO 8601.

    A schedule that this version does not have is logged and no error: the infrastructure has the schedules of the newest
    code, and the version that is live may be an earlier one, during a deployment and after a rollback.
    """
    if schedule not in registry.schedules:
        log.warning("this version has no schedule %s; its tick of %s is ignored", schedule, time)
        return
    messages = [ticks.due(schedule, time)]
    configured_queues().send(messages)
    metrics.queued(messages)


def _seconds_to_wait(job: JobSpec, delay: timedelta | float | None, at: datetime | None) -> float:
    if delay is not None and at is not None:
        raise JobError(f"{job.name}: give delay or at, not both")
    if at is not None:
        if not isinstance(at, datetime) or at.utcoffset() is None:
            raise JobError(f"{job.name}: at is {at!r}; give a datetime with a time zone, such as datetime.now(UTC)")
        wait = (at - clock.now()).total_seconds()
        if wait > MAX_DELAY:
            raise JobError(f"{job.name}: at is {at}; it must be within ten years")
        return max(0.0, wait)
    if delay is None:
        return 0.0
    wait = to_seconds(delay, f"{job.name}: delay")
    if not 0 <= wait <= MAX_DELAY:
        raise JobError(f"{job.name}: delay is {delay!r}; it must be from 0 to ten years")
    return wait


def _check_key(job: JobSpec, key: str | None) -> None:
    if key is not None and not (isinstance(key, str) and 0 < len(key) <= MAX_KEY and is_unicode(key)):
        raise JobError(
            f"{job.name}: idempotency_key is {key!r}; give a string of 1 to {MAX_KEY} characters, without lone surrogates"
        )


def _check_group(job: JobSpec, group: str | None) -> None:
    if group is not None and not (
        isinstance(group, str) and 0 < len(group) <= MAX_GROUP and all("!" <= character <= "~" for character in group)
    ):
        raise JobError(
            f"{job.name}: group is {group!r}; give 1 to {MAX_GROUP} ASCII letters, digits or punctuation, no spaces"
        )
