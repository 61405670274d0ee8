"""Jobs too long for Lambda: a task of the same image on Fargate.

The message stays in its queue, hidden, while the task runs: the task keeps it hidden, removes it when it succeeds, and
otherwise leaves it to be tried again. If the task dies, the message comes back by itself.
"""

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from kit import aws, settings
from kit.errors import UsageError
from kit.jobs import decorators, executor, heartbeat
from kit.jobs.decorators import Job
from kit.jobs.message import Delivery, Message, Queues, Unreadable, parse
from kit.jobs.queues import sqs

log = logging.getLogger("kit.jobs")

COMMAND = ["python", "-m", "kit", "jobs", "task"]
VARIABLE = "JOB_DELIVERY"
"""The delivery, as JSON, in the task's environment."""
CONTAINER = "app"
"""The name of the container in the task definition."""
MAX_OVERRIDES = 8192
"""Characters of all overrides of a task, as ECS has it."""
RECEIPT_ROOM = 2048
"""Characters kept for what SQS adds to a message: its receipt, above all."""
START = 600.0
"""Seconds that a task has to start, with its image to be fetched."""
BEAT = 60.0
"""Seconds between two signs of life; the message is hidden for five of them."""


def check_size(message: Message) -> str | None:
    """Say what is wrong when a message does not fit into a task's environment."""
    size = len(json.dumps(message.to_json()))
    most = MAX_OVERRIDES - RECEIPT_ROOM
    if size <= most:
        return None
    return f"its arguments make {size:,} characters, and a job that runs on Fargate can have {most:,}"


def start(job: Job[Any, Any], message: Message, delivery: Delivery, queues: Queues) -> None:
    """Start the task of one delivery; however often this is repeated, one is started."""
    wanted = settings.current()
    if not (wanted.jobs_cluster and wanted.jobs_task_definition and wanted.jobs_subnets):
        raise UsageError("it needs JOBS_CLUSTER, JOBS_TASK_DEFINITION and JOBS_SUBNETS")
    queues.postpone(delivery, START)
    try:
        response = aws.call("ecs", "RunTask", request(message, delivery))
    except aws.AwsError as error:
        if error.code != "ConflictException":
            raise
        # This very delivery has its task already, asked for with settings that have changed since.
        log.warning("the delivery has its task already", extra={"job": job.name})
        return
    if failures := response.get("failures"):
        raise RuntimeError("; ".join(f"{one.get('reason')} {one.get('detail') or ''}".strip() for one in failures))
    task = response["tasks"][0]["taskArn"]
    log.info("task started", extra={"job": job.name, "task": task})


def request(message: Message, delivery: Delivery) -> dict[str, Any]:
    """The call of RunTask for one delivery. The command is run through the task definition's entry point, `env`.

    The token is the delivery's receipt, of which SQS makes a new one each time that it gives the message out: the
    same for a call that is repeated, for ECS to start one task; another for each new try, because ECS refuses a token
    that another call has used within 24 hours.
    Source: Amazon ECS API Reference, "Ensuring idempotency".
    """
    wanted = settings.current()
    container = {
        "name": CONTAINER,
        "command": COMMAND,
        "environment": [{"name": VARIABLE, "value": json.dumps(delivery._asdict())}],
    }
    network = {
        "subnets": list(wanted.jobs_subnets),
        "securityGroups": list(wanted.jobs_security_groups),
        "assignPublicIp": "ENABLED",
    }
    return {
        "cluster": wanted.jobs_cluster,
        "taskDefinition": wanted.jobs_task_definition,
        "launchType": "FARGATE",
        "count": 1,
        "clientToken": sqs.digest(delivery.receipt),
        "startedBy": message.id[:36],
        "overrides": {"containerOverrides": [container]},
        "networkConfiguration": {"awsvpcConfiguration": network},
    }


def main(queues: Queues, environ: Mapping[str, str] | None = None, *, beat: float = BEAT) -> int:
    """Be the task: run the delivery in the environment, and give the exit code."""
    delivery = read_delivery((os.environ if environ is None else environ).get(VARIABLE) or "")
    decorators.load()
    with kept_hidden(delivery, queues, beat) as let_go:
        outcome = executor.process(delivery, executor.Place(queues, settle=let_go))
    if outcome.finished:
        queues.remove(delivery)
    return 0 if outcome in {executor.Outcome.SUCCEEDED, executor.Outcome.SKIPPED, executor.Outcome.REPLACED} else 1


def read_delivery(text: str) -> Delivery:
    """Read the variable; raises `UsageError` for what `request` has not written."""
    if not text:
        raise UsageError(f"{VARIABLE} is not set; this command is for tasks that a job is run in.")
    try:
        delivery = Delivery(**parse(text))
    except (Unreadable, TypeError) as error:
        raise UsageError(f"{VARIABLE} cannot be read: {error}. Start tasks by enqueueing their job.") from None
    texts = (delivery.body, delivery.receipt, delivery.queue, delivery.id)
    if not all(type(text) is str for text in texts) or type(delivery.receives) is not int:
        raise UsageError(f"{VARIABLE} is not a delivery. Start tasks by enqueueing their job.")
    return delivery


@contextmanager
def kept_hidden(delivery: Delivery, queues: Queues, beat: float) -> Iterator[Callable[[], None]]:
    """Keep a delivery from being given out again while this process lives and is in the block, or has let it go."""
    hide = partial(queues.postpone, delivery, beat * 5)
    with heartbeat.beating(hide, beat, "the job's message could not be kept hidden") as let_go:
        yield let_go
