"""Metrics for CloudWatch, written to stdout in its Embedded Metric Format: one JSON line each.

By job: Queued, Started, Succeeded, Failed, Retried, DeadLettered, Skipped (counts), Duration and QueueLatency
(milliseconds). Written only with JOBS=sqs and JOBS_METRICS=1: Lambda and ECS send stdout to CloudWatch, which extracts
the metrics. A metric costs 0.30 USD a month, by the hours in which it is written: 1.50 USD for each busy job. The kit's own
jobs, which run all day, write none.
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
    """Count messages that were enqueued."""
    for job, number in Counter(message.job for message in messages).items():
        write(job, Queued=number)


def succeeded(message: Message, milliseconds: float) -> None:
    """Count a job that succeeded, how long it ran, and how long it had waited before."""
    if _is_written(message.job):
        waited = max(0.0, (clock.now().timestamp() - message.ready) * 1000 - milliseconds)
        write(message.job, Started=1, Succeeded=1, Duration=round(milliseconds, 2), QueueLatency=round(waited, 2))


def write(job: str, **values: float) -> None:
    """Write one line for a job; names that end in `Duration` or `Latency` are milliseconds, others are counts."""
    if not _is_written(job):
        return
    metadata = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": _declarations(tuple(values))}
    line = json.dumps({"_aws": metadata, "JobName": job} | values) + "\n"
    try:
        sys.stdout.write(line)
        sys.stdout.flush()
    except (OSError, ValueError):  # a closed stdout must not fail the job
        log.debug("could not write a metric", exc_info=True)


def _is_written(job: str) -> bool:
    config = settings.current()
    return config.jobs_metrics and config.jobs == "sqs" and not job.startswith("kit.")


@cache
def _declarations(names: tuple[str, ...]) -> list[dict[str, Any]]:
    metrics = [
        {"Name": name, "Unit": "Milliseconds" if name.endswith(("Duration", "Latency")) else "Count"} for name in names
    ]
    return [{"Namespace": settings.current().metrics_namespace, "Dimensions": [["JobName"]], "Metrics": metrics}]
