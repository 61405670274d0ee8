"""`jobs.json`: the jobs, queues and schedules, from which the infrastructure is built.

The file is committed, and a test keeps it equal to what the code declares.
"""

import json
import math
from pathlib import Path
from typing import Any

from kit import settings
from kit.errors import UsageError
from kit.jobs import discovery, loading
from kit.jobs.spec import JobSpec

__all__ = ["is_current"]

FILE = "jobs.json"


def build() -> dict[str, Any]:
    """Everything that is declared, sorted by name; durations are in seconds.

    Raises `UsageError` that names each job of the app that no worker would find, and queues whose names collide.
    """
    declared = loading.load()
    if problems := discovery.unfindable(declared):
        raise UsageError("\n".join(problems))
    jobs = sorted(declared.values(), key=lambda job: job.name)
    schedules = sorted((schedule for job in jobs for schedule in job.schedules), key=lambda schedule: schedule.name)
    queues = sorted({"default", *(job.options.queue for job in jobs)})
    if both := [queue for queue in queues if f"{queue}.fifo" in queues]:
        raise UsageError(
            f"The queues {both[0]} and {both[0]}.fifo would have the same names in AWS. Rename one of them."
        )
    return {
        "version": 1,
        "queues": [{"name": name, "fifo": name.endswith(".fifo"), "batch_size": _batch_size(name)} for name in queues],
        "jobs": [
            {
                "name": job.name,
                "queue": job.options.queue,
                "runs_on": runs_on(job),
                "attempts": job.options.attempts,
                "max_runtime": math.ceil(job.options.max_runtime),
            }
            for job in jobs
        ],
        "schedules": [
            {
                "name": schedule.name,
                "job": schedule.job.name,
                "queue": schedule.job.options.queue,
                "runs_on": runs_on(schedule.job),
                "expression": schedule.expression,
                "timezone": schedule.timezone,
                "overlap": schedule.overlap,
                "input": schedule.input,
            }
            for schedule in schedules
        ],
    }


def _batch_size(queue: str) -> int:
    """Messages in one batch for Lambda: one where order counts, because each delivery of the batch is an attempt."""
    return 1 if queue.endswith(".fifo") else 10


def runs_on(job: JobSpec) -> str:
    """Where a job runs in the cloud."""
    return "fargate" if job.on_fargate else "lambda"


def text() -> str:
    """The file's text."""
    return json.dumps(build(), indent=2) + "\n"


def path() -> Path:
    """Where the file is."""
    return settings.PROJECT / FILE


def is_current() -> bool:
    """Whether the file matches what the code declares."""
    return path().is_file() and path().read_text(encoding="utf-8") == text()
