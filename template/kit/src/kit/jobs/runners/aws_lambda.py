"""A batch from SQS on Lambda: each message is processed on its own, whatever happens to the others."""

import logging
from collections.abc import Callable
from typing import Any

from kit.jobs import executor, incoming, registry, timeouts
from kit.jobs.executor import ExecutionContext
from kit.jobs.message import Delivery, Message, Unreadable
from kit.jobs.queues import sqs
from kit.jobs.queues.base import Queues
from kit.jobs.runners import fargate
from kit.jobs.spec import JobSpec

log = logging.getLogger("kit.jobs")

HIDDEN_MARGIN = 30.0
"""Seconds that a message stays hidden after its job must have ended."""

MARGIN = 2.0
"""Seconds of the function's time that are kept for handling a stopped job and returning the response."""


def run(event: dict[str, Any], seconds_left: Callable[[], float]) -> dict[str, list[dict[str, str]]]:
    """Run a batch; the response names the messages that stay in their queue.

    A finished message is deleted before the next job starts, so that it does not run again if that one kills the
    environment. The last needs no deletion: Lambda does that when it gets the response. The others are hidden only for
    as long as their jobs may take, because nobody returns a message to its queue when the environment is killed.
    """
    queues = sqs.SqsQueues()
    received = sqs.deliveries(event)
    _hide(queues, received, seconds_left())

    def launch(job: JobSpec, message: Message, delivery: Delivery) -> None:
        fargate.start(job, message, delivery, queues)

    context = ExecutionContext(queues, time_left=lambda: seconds_left() - MARGIN, launch=launch, interruptible=False)
    with timeouts.alarm():
        kept = _run_all(received, context)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in kept]}


def _run_all(deliveries: list[Delivery], context: ExecutionContext) -> list[str]:
    """Process each delivery, delete those that are finished, and return the ids of the others."""
    kept: list[str] = []
    blocked_groups: set[str] = set()
    for number, delivery in enumerate(deliveries, 1):
        group = delivery.group if delivery.queue.endswith(".fifo") else None
        if group in blocked_groups:
            kept.append(delivery.id)
            _make_visible(context.queues, delivery)
        elif not executor.process(delivery, context).finished:
            kept.append(delivery.id)
            blocked_groups |= {group} if group else set()
        elif number < len(deliveries):
            _delete(context.queues, delivery)
    return kept


def _hide(queues: sqs.SqsQueues, received: list[Delivery], seconds_left: float) -> None:
    """Hide each message until its job must have ended, after the jobs before it in the batch."""
    total, hidden = 0.0, []
    try:
        for delivery in received:
            total = min(total + _max_runtime(delivery), seconds_left)
            hidden.append((delivery, total + HIDDEN_MARGIN))
        queues.hide(hidden)
    except Exception:
        log.warning("could not hide messages; their queue's own time applies", exc_info=True)


def _max_runtime(delivery: Delivery) -> float:
    """How long the job may run here, in seconds: a job for Fargate, or one that is unknown, takes hardly any time."""
    try:
        job = registry.jobs.get(incoming.read(delivery.body, delivery.queue).job)
    except Unreadable:
        return 0
    return 0 if job is None or job.on_fargate else job.options.max_runtime


def _make_visible(queues: Queues, delivery: Delivery) -> None:
    """Return an unprocessed message; SQS holds it back until the one before it in its group is done."""
    try:
        queues.change_visibility(delivery, 0)
    except Exception:
        log.warning("could not return a message to its queue; it comes back by itself", exc_info=True)


def _delete(queues: Queues, delivery: Delivery) -> None:
    try:
        queues.delete(delivery)
    except Exception:
        log.warning("could not delete a finished message; Lambda deletes it with the batch", exc_info=True)
