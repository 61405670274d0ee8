"""A batch from SQS on Lambda: each message for itself, whatever becomes of its neighbours."""

import logging
from collections.abc import Callable
from typing import Any

from kit.jobs import executor, timeouts
from kit.jobs.decorators import Job
from kit.jobs.message import Delivery, Message, Queues
from kit.jobs.queues import sqs
from kit.jobs.runners import fargate

log = logging.getLogger("kit.jobs")

MARGIN = 2.0
"""Seconds kept of the function's time, to settle what was stopped and to answer."""


def work(event: dict[str, Any], seconds_left: Callable[[], float]) -> dict[str, list[dict[str, str]]]:
    """Run a batch, and tell Lambda which messages stay in their queue.

    What is finished is removed before the next job begins, so that it does not run again if that one takes the
    environment down with it. The last needs no removal: Lambda does it upon the answer.
    """
    queues = sqs.SqsQueues()

    def launch(job: Job[Any, Any], message: Message, delivery: Delivery) -> None:
        fargate.start(job, message, delivery, queues)

    place = executor.Place(queues, time_left=lambda: seconds_left() - MARGIN, launch=launch, interruptible=False)
    with timeouts.alarm():
        kept = _work_off(sqs.deliveries(event), place)
    return {"batchItemFailures": [{"itemIdentifier": identity} for identity in kept]}


def _work_off(deliveries: list[Delivery], place: executor.Place) -> list[str]:
    """Run each, remove what is finished, and give the ids of what is not."""
    kept: list[str] = []
    blocked: set[str] = set()
    for number, delivery in enumerate(deliveries, 1):
        ordered = delivery.group if delivery.queue.endswith(".fifo") else None
        if ordered in blocked:
            kept.append(delivery.id)
            _let_go(place.queues, delivery)
        elif not executor.process(delivery, place).finished:
            kept.append(delivery.id)
            blocked |= {ordered} if ordered else set()
        elif number < len(deliveries):
            _remove(place.queues, delivery)
    return kept


def _let_go(queues: Queues, delivery: Delivery) -> None:
    """Give a message back that was not touched; SQS holds it until the one before it in its group is done."""
    try:
        queues.postpone(delivery, 0)
    except Exception:
        log.warning("a message could not be given back yet; it comes back by itself", exc_info=True)


def _remove(queues: Queues, delivery: Delivery) -> None:
    try:
        queues.remove(delivery)
    except Exception:
        log.warning("a finished message could not be removed yet; Lambda removes it with the batch", exc_info=True)
