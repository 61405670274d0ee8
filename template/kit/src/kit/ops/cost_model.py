"""A model of what a stage uses, in the units that AWS bills: without traffic, on a day with visits, in a night of abuse."""

import json
import math
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
"""Metrics that a successful job writes with JOBS_METRICS=1: see `kit.jobs.metrics`."""
YEAR, MANY = timedelta(days=365), 500
REQUESTS_PER_MESSAGE = 4
"""To SQS: send, receive, hide for as long as its job may take, delete."""
TIMEOUT = 29.0
"""Seconds that a request may take, as in the infrastructure."""
METERED_KB = 512
"""What the HTTP API counts as one request; a larger one is several. Source: https://aws.amazon.com/api-gateway/pricing/"""
LEAST_TASK_MINUTES = 1.0
"""What Fargate bills at least. Source: https://aws.amazon.com/fargate/pricing/"""
NO_CDN, PAY_AS_YOU_GO, FREE_PLAN = "off", "pay-as-you-go", "free"
CDN = (NO_CDN, PAY_AS_YOU_GO, FREE_PLAN)
"""Values of the setting `cdn`: the last is CloudFront's flat-rate plan, which bills neither requests nor transfer."""
CDN_REQUESTS, CDN_GBITS = 250_000, 150
"""What a distribution serves at most without a plan, a second. Source: CloudFront Developer Guide, "Quotas"."""
REFUSAL_KB = 1
"""What the app answers at most to a request that bypasses the CDN."""

Usage = defaultdict[str, float]
"""Units by their names in prices.toml."""
Units = Iterator[tuple[str, float]]
"""Items of a `Usage`; those of the same name are added up."""


@dataclass(frozen=True, kw_only=True)
class BillableSettings:
    """The settings of a stage on which its costs depend; the defaults are the infrastructure's. Memory is in MB."""

    architecture: str = "arm64"
    """The processor to build the image for."""
    cdn: str = NO_CDN
    web_memory: int = 1024
    web_reserved_concurrency: int = -1
    throttle_rate: int = 500
    throttle_burst: int = 1000
    jobs_memory: int = 1024
    jobs_concurrency: int = 10
    task_cpu: int = 512
    task_memory: int = 1024


@dataclass(frozen=True, kw_only=True)
class DeployedResources(BillableSettings):
    """The billable resources of a stage."""

    manifest: dict[str, Any]
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


def option(help: str, default: float) -> Any:
    """Return a field that commands offer as an option with this help."""
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, kw_only=True)
class TrafficModel:
    """Assumptions about the traffic; each field is an option of `make cost`."""

    stages: float = option("stages in the account, this one included", 1)
    previews: float = option("previews that exist all month", 0)
    image_gb: float = option("GB of images in a stage's repository", 0.3)
    database_gb: float = option("GB in the database", 1)
    tick_ms: float = option("ms for a schedule's tick or its job, with some cold starts", 200)
    scheduled_task_minutes: float = option("minutes that a scheduled job takes on Fargate", 60)
    log_kb: float = option("KB of logs for each invocation", 0.3)
    requests: float = option("requests per visit, without polls", 2)
    static: float = option("of these, static files, which a CDN keeps", 1)
    uncached: float = option("of these, what no CDN may answer, such as posts", 0.1)
    cdn_seconds: float = option("seconds that a CDN keeps a page: s-maxage", 1)
    cdn_caches: float = option("caches of the CDN that ask the app", 15)
    minutes: float = option("minutes that a visitor stays", 1)
    poll_seconds: float = option("seconds between polls of an open page; 0 if it doesn't poll", 8)
    viral_poll_seconds: float = option("the same on a viral day, when the server asks for fewer", 30)
    ms: float = option("ms per request", 30)
    answer_kb: float = option("KB per response", 8)
    jobs: float = option("jobs per visit", 0.1)
    job_kinds: float = option("kinds of jobs that visits start", 1)
    job_ms: float = option("ms per job", 300)
    job_metrics: float = option("1 if the app sets JOBS_METRICS=1", 0)
    normal_visits: float = option("visits on a normal day", 1_000)
    normal_task_minutes: float = option("minutes of Fargate tasks on a normal day", 0)
    viral_visits: float = option("visits on a viral day", 1_000_000)
    viral_hours: float = option("hours within which they come", 24)
    viral_task_minutes: float = option("minutes of Fargate tasks on a viral day", 60)
    abuse_hours: float = option("hours of a night of abuse", 8)
    abuse_body_kb: float = option("KB of the largest body that the API accepts", 10_240)
    abuse_answer_kb: float = option("KB of the app's largest response", 100)
    abuse_log_kb: float = option("KB of logs for a request, at most", 6)
    abuse_jobs: float = option("jobs that a request starts, at most", 1)
    abuse_cdn_requests: float = option("requests a second to the CDN", 10_000)
    abuse_cdn_gbits: float = option("Gbit/s that it receives, and that it sends", 1)
    database_kb: float = option("KB sent to the database for a request, at most", 2)
    environments: float = option("Lambda's quota: environments at once", 1_000)


def idle(resources: DeployedResources, traffic: TrafficModel) -> Usage:
    """A month without traffic, of all stages and previews: resources that cost by existing, and schedules."""
    total: Usage = defaultdict(float)
    for name, number in _total(_idle(resources, traffic)).items():
        stages_only = name in {"alarms", "dashboards"} or name.startswith("cdn-")  # which previews don't have
        total[name] = number * (traffic.stages + (0 if stages_only else traffic.previews))
    return total


def day(
    resources: DeployedResources,
    traffic: TrafficModel,
    visits: float,
    task_minutes: float,
    *,
    poll_seconds: float,
    hours: float = 24,
) -> Usage:
    """What a day with that many visits adds, if they come within so many hours."""
    return _total(_day(resources, traffic, visits, task_minutes, poll_seconds, hours))


def sent(traffic: TrafficModel, visits: float, poll_seconds: float) -> tuple[float, float]:
    """The requests of visitors: those of their visits, and the polls of the pages that they leave open."""
    return visits * traffic.requests, visits * traffic.minutes * 60 / poll_seconds if poll_seconds else 0


def reaching_app(
    resources: DeployedResources, traffic: TrafficModel, visits: float, *, poll_seconds: float, hours: float
) -> float:
    """The requests of visitors that the app answers, which are all without a CDN.

    With one, each of its caches asks for the page once in `cdn_seconds`, and for what pages poll too, if anybody asks it.
    Static files have names with a hash and are kept for a year. The default of `cdn_caches` is the number of CloudFront's
    regional edge caches, through which its edge locations ask (CloudFront Developer Guide, "How CloudFront works with
    regional edge caches"; 15 by https://aws.amazon.com/cloudfront/features/ in 2026): as if visitors came from everywhere.
    """
    requests, polls = sent(traffic, visits, poll_seconds)
    if resources.cdn == NO_CDN:
        return requests + polls
    refreshes = traffic.cdn_caches * hours * 3600 / traffic.cdn_seconds if traffic.cdn_seconds else math.inf
    uncached = visits * min(traffic.uncached, traffic.requests)
    pages = max(0.0, requests - uncached - visits * traffic.static)
    # Of requests at random times, n for each time that a copy is fresh, one in 1 + n finds none that is.
    return uncached + sum(number / (1 + number / refreshes) if refreshes else 0 for number in (pages, polls))


def abuse(resources: DeployedResources, traffic: TrafficModel) -> Usage:
    """The most that somebody can use who sends whatever they like all night, however long it takes to answer.

    The API's throttle limits the requests, and the account's environments limit the time. Nothing but its quotas limits what
    a CDN without a plan answers, so that the requests and the transfer to it are assumptions.
    """
    return _total(_abuse(resources, traffic))


def database(traffic: TrafficModel, document: dict[str, Any]) -> float:
    """US dollars a month for the database, with a branch for each preview."""
    prices = document["database"]
    usage = {"branch-hours": traffic.previews * MONTH, "storage-gb": traffic.database_gb}
    extra = (max(0, usage[name] - prices[name]["included"]) * prices[name]["usd"] for name in usage)
    return float(prices["usd"] + sum(extra))


def _idle(resources: DeployedResources, traffic: TrafficModel) -> Units:
    yield "images", traffic.image_gb
    yield "alarms", resources.alarms
    yield "dashboards", resources.dashboards
    yield "secrets", resources.secrets
    if resources.cdn not in {NO_CDN, PAY_AS_YOU_GO}:
        yield f"cdn-{resources.cdn}", 1
    for queue in resources.manifest["queues"]:
        yield "sqs-fifo" if queue["fifo"] else "sqs", POLLS * MONTH
    for schedule in resources.manifest["schedules"]:
        runs = _runs_per_month(schedule["expression"], schedule["timezone"])
        yield "scheduler", runs
        yield "sqs", REQUESTS_PER_MESSAGE * runs
        yield from _invocations(resources, traffic, resources.jobs_memory, 2 * runs, traffic.tick_ms)
        if schedule["runs_on"] == "fargate":
            yield from _task(resources, runs * max(LEAST_TASK_MINUTES, traffic.scheduled_task_minutes) / 60)
        if not schedule["job"].startswith("kit."):
            yield "metrics", traffic.job_metrics * METRICS * min(1, runs / MONTH)


def _day(
    resources: DeployedResources,
    traffic: TrafficModel,
    visits: float,
    task_minutes: float,
    poll_seconds: float,
    hours: float,
) -> Units:
    everything, jobs = sum(sent(traffic, visits, poll_seconds)), visits * traffic.jobs
    requests = reaching_app(resources, traffic, visits, poll_seconds=poll_seconds, hours=hours)
    yield "http-api", requests * _metered(traffic.answer_kb)
    if resources.cdn == NO_CDN:
        yield "data-out", requests * traffic.answer_kb / 1e6
    yield from _cdn(resources, everything, everything * traffic.answer_kb / 1e6)
    yield from _invocations(resources, traffic, resources.web_memory, requests, traffic.ms)
    yield from _jobs(resources, traffic, jobs)
    yield from _task(resources, task_minutes / 60)
    yield "metrics", traffic.job_metrics * METRICS * traffic.job_kinds * min(24, jobs) / MONTH


def _abuse(resources: DeployedResources, traffic: TrafficModel) -> Units:
    seconds = traffic.abuse_hours * 3600
    requests = resources.throttle_burst + resources.throttle_rate * seconds
    reserved = resources.web_reserved_concurrency
    environments = traffic.environments if reserved < 0 else min(reserved, traffic.environments)
    yield "http-api", requests * _metered(max(traffic.abuse_body_kb, traffic.abuse_answer_kb))
    # What AWS sends to its own CDN is free.
    answer_kb = traffic.abuse_answer_kb if resources.cdn == NO_CDN else REFUSAL_KB
    yield "data-out", requests * (answer_kb + traffic.database_kb) / 1e6
    yield "lambda-requests", requests
    busy = min(requests * TIMEOUT, environments * (seconds + TIMEOUT))
    yield f"lambda-{resources.architecture}", busy * resources.web_memory / 1024
    yield "logs", requests * traffic.abuse_log_kb / 1e6
    yield "logs-kept", requests * traffic.abuse_log_kb / 1e6
    yield from _jobs(resources, traffic, requests * traffic.abuse_jobs)
    everything, gigabytes = traffic.abuse_cdn_requests * seconds, traffic.abuse_cdn_gbits / 8 * seconds
    yield from _cdn(resources, everything, min(gigabytes, everything * traffic.abuse_answer_kb / 1e6))
    if resources.cdn == PAY_AS_YOU_GO:
        yield "cdn-to-app", min(gigabytes, everything * traffic.abuse_body_kb / 1e6)
    if resources.cdn != NO_CDN:
        yield "s3-reads", traffic.cdn_caches * seconds  # of the page for those who are refused


def _cdn(resources: DeployedResources, requests: float, gigabytes: float) -> Units:
    """What a CDN without a plan bills for requests, each of which runs a CloudFront Function, and for answers."""
    if resources.cdn == PAY_AS_YOU_GO:
        yield "cdn-requests", requests
        yield "cdn-functions", requests
        yield "cdn-out", gigabytes


def _metered(kb: float) -> int:
    return max(1, math.ceil(kb / METERED_KB))


def _jobs(resources: DeployedResources, traffic: TrafficModel, jobs: float) -> Units:
    yield "sqs", REQUESTS_PER_MESSAGE * jobs
    yield from _invocations(resources, traffic, resources.jobs_memory, jobs, traffic.job_ms)


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
