"""Counts and durations for CloudWatch: a line of JSON on stdout each, in its Embedded Metric Format.

By job: Queued, Started, Succeeded, Failed, Retried, Dead, Skipped (counts), Duration and QueueLatency (milliseconds).
Written with JOBS=sqs alone: Lambda and ECS send stdout to CloudWatch, which reads the metrics out of it. A metric costs
30 US cents for a month of hours in which it is written, so that the kit's own jobs, which run all day, write none.
Source: CloudWatch User Guide, "Embedded metric format specification".
"""

import json
import logging
import sys
import time
from collections import Counter
from functools import cache
from typing import Any

from kit import clock, settings
from kit.jobs.message import Message

log = logging.getLogger("kit.jobs")


def queued(messages: list[Message]) -> None:
    """Count what was put into queues."""
    for job, number in Counter(message.job for message in messages).items():
        write(job, Queued=number)


def succeeded(message: Message, took: float) -> None:
    """Count a job that took so many milliseconds, and tell how long it had waited before."""
    if _wanted(message.job):
        waited = max(0.0, (clock.now().timestamp() - message.ready) * 1000 - took)
        write(message.job, Started=1, Succeeded=1, Duration=round(took, 2), QueueLatency=round(waited, 2))


def write(job: str, **values: float) -> None:
    """Write one line for a job; names that end in `Duration` or `Latency` are milliseconds, others are counts."""
    if not _wanted(job):
        return
    told: dict[str, Any] = {"_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": _kinds(tuple(values))}}
    line = json.dumps(told | {"JobName": job} | values) + "\n"
    try:
        sys.stdout.write(line)
        sys.stdout.flush()
    except (OSError, ValueError):  # a closed stdout loses a figure, and must not fail the job
        log.debug("a metric could not be written", exc_info=True)


def _wanted(job: str) -> bool:
    return settings.current().jobs == "sqs" and not job.startswith("kit.")


@cache
def _kinds(names: tuple[str, ...]) -> list[dict[str, Any]]:
    metrics = [
        {"Name": name, "Unit": "Milliseconds" if name.endswith(("Duration", "Latency")) else "Count"} for name in names
    ]
    return [{"Namespace": settings.current().metrics_namespace, "Dimensions": [["JobName"]], "Metrics": metrics}]
