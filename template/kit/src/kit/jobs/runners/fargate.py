"""Jobs that run too long for Lambda: a task of the same image on Fargate.

The message stays in its queue, hidden, while the task runs: the task keeps it hidden, deletes it when the job succeeds,
and otherwise leaves it to be retried. If the task dies, the message comes back by itself.
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
from kit.jobs import executor, heartbeat, loading
from kit.jobs.executor import ExecutionContext, Outcome
from kit.jobs.message import Delivery, Message, Unreadable, parse
from kit.jobs.queues import sqs_format
from kit.jobs.queues.base import Queues
from kit.jobs.spec import JobSpec

log = logging.getLogger("kit.jobs")

COMMAND = ["python", "-m", "kit", "jobs", "task"]
VARIABLE = "JOB_DELIVERY"
"""The delivery, as JSON, in the task's environment."""
CONTAINER = "app"
"""The name of the container in the task definition."""
START = 600.0
"""Seconds for a task to start, including the download of its image."""
BEAT = 60.0
"""Seconds between two heartbeats; each hides the message for five times as long."""


def start(job: JobSpec, message: Message, delivery: Delivery, queues: Queues) -> None:
    """Start the task for one delivery; repeated calls start only one."""
    config = settings.current()
    if not (config.jobs_cluster and config.jobs_task_definition and config.jobs_subnets):
        raise UsageError("it needs JOBS_CLUSTER, JOBS_TASK_DEFINITION and JOBS_SUBNETS")
    queues.change_visibility(delivery, START)
    try:
        response = aws.call("ecs", "RunTask", request(message, delivery))
    except aws.AwsError as error:
        if error.code != "ConflictException":
            raise
        # This delivery already has its task; the settings have changed since.
        log.warning("the delivery already has its task", extra={"job": job.name})
        return
    if failures := response.get("failures"):
        raise RuntimeError("; ".join(f"{one.get('reason')} {one.get('detail') or ''}".strip() for one in failures))
    task = response["tasks"][0]["taskArn"]
    log.info("task started", extra={"job": job.name, "task": task})


def request(message: Message, delivery: Delivery) -> dict[str, Any]:
    """The parameters of RunTask for one delivery. The command is run through the task definition's entry point, `env`.

    The token is derived from the delivery's receipt, which is another each time that SQS delivers the message: ECS starts
    one task for a repeated call, and a new one for each new attempt, as it rejects a token for 24 hours after another
    call has used it.
    Source: Amazon ECS API Reference, "Ensuring idempotency".
    """
    config = settings.current()
    container = {
        "name": CONTAINER,
        "command": COMMAND,
        "environment": [{"name": VARIABLE, "value": json.dumps(delivery._asdict())}],
    }
    network = {
        "subnets": list(config.jobs_subnets),
        "securityGroups": list(config.jobs_security_groups),
        "assignPublicIp": "ENABLED",
    }
    return {
        "cluster": config.jobs_cluster,
        "taskDefinition": config.jobs_task_definition,
        "launchType": "FARGATE",
        "count": 1,
        "clientToken": sqs_format.digest(delivery.receipt),
        "startedBy": message.id[:36],
        "overrides": {"containerOverrides": [container]},
        "networkConfiguration": {"awsvpcConfiguration": network},
    }


def main(queues: Queues, environ: Mapping[str, str] | None = None, *, beat: float = BEAT) -> int:
    """Run the delivery in the environment, as the task's command, and return its exit code."""
    delivery = read_delivery((os.environ if environ is None else environ).get(VARIABLE) or "")
    loading.load()
    with kept_hidden(delivery, queues, beat) as stop:
        outcome = executor.process(delivery, ExecutionContext(queues, stop_heartbeat=stop))
    if outcome.finished:
        queues.delete(delivery)
    return 0 if outcome in {Outcome.SUCCEEDED, Outcome.SKIPPED, Outcome.REPLACED} else 1


def read_delivery(text: str) -> Delivery:
    """Read the environment variable; raises `UsageError` for anything that `request` has not written."""
    if not text:
        raise UsageError(
            f"{VARIABLE} is not set. This command is run by the tasks of jobs; enqueue a job to start one."
        )
    try:
        delivery = Delivery(**parse(text))
    except (Unreadable, TypeError) as error:
        raise UsageError(f"{VARIABLE} cannot be read: {error}. Enqueue a job to start its task.") from None
    strings = (delivery.body, delivery.receipt, delivery.queue, delivery.id)
    if not all(type(string) is str for string in strings) or type(delivery.receive_count) is not int:
        raise UsageError(f"{VARIABLE} is not a delivery. Enqueue a job to start its task.")
    return delivery


@contextmanager
def kept_hidden(delivery: Delivery, queues: Queues, beat: float) -> Iterator[Callable[[], None]]:
    """Keep a delivery hidden while this process is in the block; yields a function that stops that earlier."""
    hide = partial(queues.change_visibility, delivery, beat * 5)
    with heartbeat.beating(hide, beat, "could not keep the job's message hidden") as stop:
        yield stop
