"""What the infrastructure is told: jobs, queues and schedules, as plain JSON in `jobs.json`.

The file is committed, and a test holds it equal to what the code declares.
"""

import json
import math
from pathlib import Path
from typing import Any

from kit import settings
from kit.errors import UsageError
from kit.jobs import decorators, discovery

__all__ = ["fresh"]

FILE = "jobs.json"


def build() -> dict[str, Any]:
    """Everything that is declared, sorted by name; durations are seconds.

    Raises `UsageError` that names each job of the app that no worker would find.
    """
    if problems := discovery.unfindable():
        raise UsageError("\n".join(problems))
    jobs = sorted(decorators.load().values(), key=lambda job: job.name)
    schedules = sorted((made for job in jobs for made in job.schedules), key=lambda made: made.name)
    queues = sorted({"default", *(job.options.queue for job in jobs)})
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
                "name": made.name,
                "job": made.job.name,
                "queue": made.job.options.queue,
                "runs_on": runs_on(made.job),
                "expression": made.expression,
                "timezone": made.timezone,
                "overlap": made.overlap,
                "input": made.input,
            }
            for made in schedules
        ],
    }


def _batch_size(queue: str) -> int:
    """Messages that Lambda takes at once: one where order counts, as a delivery counts as an attempt."""
    return 1 if queue.endswith(".fifo") else 10


def runs_on(job: decorators.Job[Any, Any]) -> str:
    """Where a job runs in the cloud."""
    return "fargate" if job.on_fargate else "lambda"


def text() -> str:
    """The file's text."""
    return json.dumps(build(), indent=2) + "\n"


def path() -> Path:
    """Where the file is."""
    return settings.PROJECT / FILE


def fresh() -> bool:
    """Whether the file says what the code declares."""
    return path().is_file() and path().read_text(encoding="utf-8") == text()
