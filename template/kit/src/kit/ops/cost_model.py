"""What a stage uses while nobody comes, and on a day with visitors: a model of its bill, in AWS's own units."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from kit.jobs import cron
from kit.ops.stage import PROJECT

MONTH = 730.0
"""Hours."""
POLLS = 5 * 3 * 60
"""Requests an hour with which Lambda asks a queue for messages, even an empty one: five pollers, 20 seconds each.

Source: AWS Lambda Developer Guide, "Using Lambda with Amazon SQS": long polls, five batches at once to begin with.
"""
METRICS = 5
"""Metrics that `kit.jobs` writes of a job that goes well: see `kit.jobs.metrics`."""
YEAR, MANY = timedelta(days=365), 500
MESSAGE = 3
"""Requests to SQS for a message: sent, received, deleted."""

Usage = defaultdict[str, float]
"""Units by their names in prices.toml."""
Units = Iterator[tuple[str, float]]
"""The same, each as it comes."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What stands there, by the infrastructure's default settings unless told otherwise; memory in MB."""

    manifest: dict[str, Any]
    architecture: str = "arm64"
    web_memory: int = 1024
    jobs_memory: int = 1024
    task_cpu: int = 512
    task_memory: int = 1024
    alarms: int
    dashboards: int = 0
    secrets: int = 0

    @classmethod
    def by_default(cls) -> "Standing":
        """What the infrastructure makes of this project's jobs.json where nothing is set: two alarms a queue, and three."""
        manifest = json.loads((PROJECT / "jobs.json").read_text(encoding="utf-8"))
        return cls(manifest=manifest, alarms=3 + 2 * len(manifest["queues"]))


@dataclass(frozen=True, kw_only=True)
class Assumed:
    """What is assumed; every field is an option of `make cost`."""

    image_gb: float = field(default=0.3, metadata={"help": "GB of images in the repository"})
    tick_ms: float = field(default=200, metadata={"help": "ms for a schedule's tick or its job, with some cold starts"})
    log_kb: float = field(default=0.8, metadata={"help": "KB of logs for each invocation"})
    requests: float = field(default=5, metadata={"help": "requests a visit, of the page and of its changes"})
    ms: float = field(default=30, metadata={"help": "ms for a request"})
    answer_kb: float = field(default=8, metadata={"help": "KB of an answer"})
    jobs: float = field(default=0.1, metadata={"help": "jobs a visit"})
    job_ms: float = field(default=300, metadata={"help": "ms for a job"})
    normal_visits: float = field(default=1_000, metadata={"help": "visits on a normal day"})
    normal_task_minutes: float = field(default=0, metadata={"help": "minutes of Fargate tasks on a normal day"})
    viral_visits: float = field(default=1_000_000, metadata={"help": "visits on a viral day"})
    viral_task_minutes: float = field(default=60, metadata={"help": "minutes of Fargate tasks on a viral day"})


def idle(there: Standing, assumed: Assumed) -> Usage:
    """A month in which nobody comes: what stands there, and the schedules."""
    return _total(_idle(there, assumed))


def day(there: Standing, assumed: Assumed, visits: float, task_minutes: float) -> Usage:
    """What a day with so many visits adds."""
    return _total(_day(there, assumed, visits, task_minutes))


def _idle(there: Standing, assumed: Assumed) -> Units:
    yield "images", assumed.image_gb
    yield "alarms", there.alarms
    yield "dashboards", there.dashboards
    yield "secrets", there.secrets
    for queue in there.manifest["queues"]:
        yield "sqs-fifo" if queue["fifo"] else "sqs", POLLS * MONTH
    for schedule in there.manifest["schedules"]:
        runs = _runs(schedule["expression"], schedule["timezone"])
        yield "scheduler", runs
        yield "sqs", MESSAGE * runs
        yield from _invocations(there, assumed, there.jobs_memory, 2 * runs, assumed.tick_ms)
        if schedule["runs_on"] == "fargate":
            yield from _task(there, runs / 60)  # a minute is the least that is charged
        if not schedule["job"].startswith("kit."):
            yield "metrics", METRICS * min(1, runs / MONTH)


def _day(there: Standing, assumed: Assumed, visits: float, task_minutes: float) -> Units:
    requests, jobs = visits * assumed.requests, visits * assumed.jobs
    yield "http-api", requests
    yield "data-out", requests * assumed.answer_kb / 1e6
    yield "sqs", MESSAGE * jobs
    yield from _invocations(there, assumed, there.web_memory, requests, assumed.ms)
    yield from _invocations(there, assumed, there.jobs_memory, jobs, assumed.job_ms)
    yield from _task(there, task_minutes / 60)
    kinds = [job for job in there.manifest["jobs"] if not job["name"].startswith("kit.")]
    yield "metrics", METRICS * len(kinds) * min(24, jobs) / MONTH


def _invocations(there: Standing, assumed: Assumed, memory: int, number: float, ms: float) -> Units:
    yield "lambda-requests", number
    yield f"lambda-{there.architecture}", number * ms / 1000 * memory / 1024
    yield "logs", number * assumed.log_kb / 1e6
    yield "logs-kept", number * assumed.log_kb / 1e6


def _task(there: Standing, hours: float) -> Units:
    yield f"fargate-cpu-{there.architecture}", hours * there.task_cpu / 1024
    yield f"fargate-memory-{there.architecture}", hours * there.task_memory / 1024
    yield "ipv4", hours


def _total(units: Units) -> Usage:
    total: Usage = defaultdict(float)
    for name, number in units:
        total[name] += number
    return total


def _runs(expression: str, timezone: str) -> float:
    """How often a schedule is due in a month: counted through a year, as long as that is not often."""
    when = cron.parse(expression)
    if isinstance(when, cron.Rate):
        return MONTH * 3600 / when.every.total_seconds()
    zone = UTC if timezone == "UTC" else ZoneInfo(timezone)
    moment = begun = datetime.now(UTC)
    runs = 0
    while runs < MANY and (due := when.after(moment, zone)) and due < begun + YEAR:
        moment, runs = due, runs + 1
    return runs * (MONTH / 24) / ((moment - begun) if runs == MANY else YEAR).total_seconds() * 86400
