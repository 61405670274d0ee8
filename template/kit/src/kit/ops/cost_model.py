"""A model of what a stage uses, in the units that AWS bills: without traffic, and on a day with visits."""

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
"""Requests per hour with which Lambda polls a queue, even an empty one: five pollers, 20 seconds each.

Source: AWS Lambda Developer Guide, "Using Lambda with Amazon SQS": long polling, initially five concurrent batches.
"""
METRICS = 5
"""Metrics that a successful job writes: see `kit.jobs.metrics`."""
YEAR, MANY = timedelta(days=365), 500
REQUESTS_PER_MESSAGE = 4
"""To SQS: send, receive, hide for as long as its job may take, delete."""

Usage = defaultdict[str, float]
"""Units by their names in prices.toml."""
Units = Iterator[tuple[str, float]]
"""Items of a `Usage`; those of the same name are added up."""


@dataclass(frozen=True, kw_only=True)
class DeployedResources:
    """The billable resources of a stage; the defaults are the infrastructure's. Memory is in MB."""

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
    def by_default(cls) -> "DeployedResources":
        """What the infrastructure creates for this project's jobs.json: two alarms for each queue, three more, and one if
        streams start jobs.
        """
        manifest = json.loads((PROJECT / "jobs.json").read_text(encoding="utf-8"))
        streams = any(event["kind"] == "stream" for event in manifest.get("events", []))
        return cls(manifest=manifest, alarms=3 + 2 * len(manifest["queues"]) + streams)


@dataclass(frozen=True, kw_only=True)
class TrafficModel:
    """Assumptions about the traffic; each field is an option of `make cost`."""

    image_gb: float = field(default=0.3, metadata={"help": "GB of images in the repository"})
    tick_ms: float = field(default=200, metadata={"help": "ms for a schedule's tick or its job, with some cold starts"})
    log_kb: float = field(default=0.8, metadata={"help": "KB of logs for each invocation"})
    requests: float = field(default=5, metadata={"help": "requests per visit"})
    ms: float = field(default=30, metadata={"help": "ms per request"})
    answer_kb: float = field(default=8, metadata={"help": "KB per response"})
    jobs: float = field(default=0.1, metadata={"help": "jobs per visit"})
    job_ms: float = field(default=300, metadata={"help": "ms per job"})
    normal_visits: float = field(default=1_000, metadata={"help": "visits on a normal day"})
    normal_task_minutes: float = field(default=0, metadata={"help": "minutes of Fargate tasks on a normal day"})
    viral_visits: float = field(default=1_000_000, metadata={"help": "visits on a viral day"})
    viral_task_minutes: float = field(default=60, metadata={"help": "minutes of Fargate tasks on a viral day"})


def idle(resources: DeployedResources, traffic: TrafficModel) -> Usage:
    """A month without traffic: resources that cost by existing, and schedules."""
    return _total(_idle(resources, traffic))


def day(resources: DeployedResources, traffic: TrafficModel, visits: float, task_minutes: float) -> Usage:
    """What a day with that many visits adds."""
    return _total(_day(resources, traffic, visits, task_minutes))


def _idle(resources: DeployedResources, traffic: TrafficModel) -> Units:
    yield "images", traffic.image_gb
    yield "alarms", resources.alarms
    yield "dashboards", resources.dashboards
    yield "secrets", resources.secrets
    for queue in resources.manifest["queues"]:
        yield "sqs-fifo" if queue["fifo"] else "sqs", POLLS * MONTH
    for schedule in resources.manifest["schedules"]:
        runs = _runs_per_month(schedule["expression"], schedule["timezone"])
        yield "scheduler", runs
        yield "sqs", REQUESTS_PER_MESSAGE * runs
        yield from _invocations(resources, traffic, resources.jobs_memory, 2 * runs, traffic.tick_ms)
        if schedule["runs_on"] == "fargate":
            yield from _task(resources, runs / 60)  # Fargate bills at least a minute
        if not schedule["job"].startswith("kit."):
            yield "metrics", METRICS * min(1, runs / MONTH)


def _day(resources: DeployedResources, traffic: TrafficModel, visits: float, task_minutes: float) -> Units:
    requests, jobs = visits * traffic.requests, visits * traffic.jobs
    yield "http-api", requests
    yield "data-out", requests * traffic.answer_kb / 1e6
    yield "sqs", REQUESTS_PER_MESSAGE * jobs
    yield from _invocations(resources, traffic, resources.web_memory, requests, traffic.ms)
    yield from _invocations(resources, traffic, resources.jobs_memory, jobs, traffic.job_ms)
    yield from _task(resources, task_minutes / 60)
    app_jobs = [job for job in resources.manifest["jobs"] if not job["name"].startswith("kit.")]
    yield "metrics", METRICS * len(app_jobs) * min(24, jobs) / MONTH


def _invocations(resources: DeployedResources, traffic: TrafficModel, memory: int, number: float, ms: float) -> Units:
    yield "lambda-requests", number
    yield f"lambda-{resources.architecture}", number * ms / 1000 * memory / 1024
    yield "logs", number * traffic.log_kb / 1e6
    yield "logs-kept", number * traffic.log_kb / 1e6


def _task(resources: DeployedResources, hours: float) -> Units:
    yield f"fargate-cpu-{resources.architecture}", hours * resources.task_cpu / 1024
    yield f"fargate-memory-{resources.architecture}", hours * resources.task_memory / 1024
    yield "ipv4", hours


def _total(units: Units) -> Usage:
    total: Usage = defaultdict(float)
    for name, number in units:
        total[name] += number
    return total


def _runs_per_month(expression: str, timezone: str) -> float:
    """How often a schedule runs in a month: counted over the next year, or over the next 500 runs."""
    schedule = cron.parse(expression)
    if isinstance(schedule, cron.Rate):
        return MONTH * 3600 / schedule.every.total_seconds()
    zone = UTC if timezone == "UTC" else ZoneInfo(timezone)
    moment = start = datetime.now(UTC)
    runs = 0
    while runs < MANY and (due := schedule.after(moment, zone)) and due < start + YEAR:
        moment, runs = due, runs + 1
    return runs * (MONTH / 24) / ((moment - start) if runs == MANY else YEAR).total_seconds() * 86400
