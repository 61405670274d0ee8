"""A batch from SQS on Lambda: each message is processed on its own, whatever happens to the others."""

import logging
from collections.abc import Callable
from typing import Any

from kit.jobs import executor, timeouts
from kit.jobs.executor import ExecutionContext
from kit.jobs.message import Delivery, Message
from kit.jobs.queues import sqs
from kit.jobs.queues.base import Queues
from kit.jobs.runners import fargate
from kit.jobs.spec import JobSpec

log = logging.getLogger("kit.jobs")

MARGIN = 2.0
"""Seconds of the function's time that are kept for handling a stopped job and returning the response."""


def run(event: dict[str, Any], seconds_left: Callable[[], float]) -> dict[str, list[dict[str, str]]]:
    """Run a batch; the response names the messages that stay in their queue.

    A finished message is deleted before the next job starts, so that it does not run again if that one kills the
    environment. The last needs no deletion: Lambda does that when it gets the response.
    """
    queues = sqs.SqsQueues()

    def launch(job: JobSpec, message: Message, delivery: Delivery) -> None:
        fargate.start(job, message, delivery, queues)

    context = ExecutionContext(queues, time_left=lambda: seconds_left() - MARGIN, launch=launch, interruptible=False)
    with timeouts.alarm():
        kept = _run_all(sqs.deliveries(event), context)
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
