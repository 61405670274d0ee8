"""What there is to see of a stage that runs, asked of AWS part by part; nothing is changed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from kit.jobs import cron
from kit.ops import deployed
from kit.ops.aws_account import Account
from kit.ops.deployed import Deployed
from kit.ops.retry import PATIENT
from kit.ops.stage import Stage

DELAY = re.compile(r"[0-9a-f]{32}-\d+")
"""What `kit.jobs.queues.sqs` calls the schedule of one job that is delayed past 15 minutes; all others are of the code."""
PAGES = 20
"""Pages of an answer that are read at most: there may be as many delays as jobs."""
BACK = timedelta(hours=26)
"""How far back a schedule's last run is looked for."""


@dataclass(frozen=True)
class Function:
    """A function's live version; its image by digest."""

    part: str
    version: str
    published: datetime
    image: str
    memory: int
    architecture: str


@dataclass(frozen=True)
class Queue:
    """How many jobs wait, run and are given up."""

    name: str
    waiting: int
    running: int
    delayed: int
    dead: int


@dataclass(frozen=True)
class Scheduled:
    """A schedule of the code: when it is due next, and what became of it last."""

    name: str
    expression: str
    timezone: str
    next: datetime | None
    last: tuple[datetime, str] | None = None


@dataclass(frozen=True)
class Alarm:
    """An alarm, and since when it is as it is."""

    name: str
    state: str
    since: datetime


@dataclass(frozen=True)
class Recipient:
    """Who is told of alarms: an email address, or another subscriber of the topic."""

    endpoint: str
    confirmed: bool


@dataclass(frozen=True)
class Running:
    """A task on Fargate that has not ended."""

    id: str
    status: str
    since: datetime | None
    why: str


@dataclass(frozen=True)
class Sight:
    """All of it."""

    stage: Stage
    account: Account
    address: str
    functions: list[Function]
    queues: list[Queue]
    schedules: list[Scheduled]
    delays: str
    alarms: list[Alarm]
    recipients: list[Recipient]
    tasks: list[Running]


def look(account: Account, stage: Stage, now: datetime) -> Sight:
    """Ask for everything; raises `UsageError` when the stage is not there, and `ClientError` when AWS refuses."""
    there = deployed.find(account, stage)
    client = _clients(account)
    functions, variables = _functions(client("lambda"), stage)
    scheduler = client("scheduler")
    names = _schedule_names(scheduler, stage)
    delays = [name for name in names if DELAY.fullmatch(name)]
    last = _last_runs(client("logs"), stage, now)
    return Sight(
        stage=stage,
        account=account,
        address=deployed.address(account, stage),
        functions=functions,
        queues=_queues(client("sqs"), variables),
        schedules=[_scheduled(scheduler, stage, name, now, last.get(name)) for name in names if name not in delays],
        delays=f"{len(delays)}{' or more' if len(names) >= 100 * PAGES else ''}",
        alarms=_alarms(client("cloudwatch"), stage),
        recipients=_recipients(client("sns"), account, stage),
        tasks=_tasks(client("ecs"), there),
    )


def _clients(account: Account) -> Any:
    return lambda service: account.session.client(service, config=PATIENT)


def _functions(functions: Any, stage: Stage) -> tuple[list[Function], dict[str, str]]:
    """Both functions, and the variables of the one that runs jobs."""
    found = []
    for part in ("web", "jobs"):
        told = functions.get_function(FunctionName=f"{stage.called}-{part}", Qualifier="live")
        made, code = told["Configuration"], told["Code"]
        found.append(
            Function(
                part=part,
                version=made["Version"],
                published=datetime.fromisoformat(made["LastModified"]),
                image=(code.get("ResolvedImageUri") or code["ImageUri"]).rpartition("@")[2],
                memory=made["MemorySize"],
                architecture=made["Architectures"][0],
            )
        )
    return found, made["Environment"]["Variables"]


def _queues(sqs: Any, variables: dict[str, str]) -> list[Queue]:
    jobs, dead = (_named(variables[name]) for name in ("JOBS_QUEUES", "JOBS_DEAD_QUEUES"))
    found = []
    for name, url in jobs.items():
        waiting, running, delayed = _counts(sqs, url)
        found.append(Queue(name, waiting, running, delayed, sum(_counts(sqs, dead[name]))))
    return found


def _named(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in text.split(","))


def _counts(sqs: Any, url: str) -> list[int]:
    names = [f"ApproximateNumberOfMessages{what}" for what in ("", "NotVisible", "Delayed")]
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return [int(told[name]) for name in names]


def _schedule_names(scheduler: Any, stage: Stage) -> list[str]:
    pages = scheduler.get_paginator("list_schedules").paginate(
        GroupName=stage.called, PaginationConfig={"PageSize": 100}
    )
    return [one["Name"] for page in islice(pages, PAGES) for one in page["Schedules"]]


def _scheduled(scheduler: Any, stage: Stage, name: str, now: datetime, last: tuple[datetime, str] | None) -> Scheduled:
    told = scheduler.get_schedule(GroupName=stage.called, Name=name)
    expression, timezone = told["ScheduleExpression"], told.get("ScheduleExpressionTimezone", "UTC")
    when = cron.parse(expression)
    # A rate counts from its last run, which is not known to the second.
    after = last[0] if last and isinstance(when, cron.Rate) else now
    due = when.after(after, UTC if timezone == "UTC" else ZoneInfo(timezone))
    return Scheduled(name, expression, timezone, due if told["State"] == "ENABLED" else None, last)


def _last_runs(logs: Any, stage: Stage, now: datetime) -> dict[str, tuple[datetime, str]]:
    """What the jobs function wrote last of each schedule."""
    found = {}
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=f"/{stage.called}/jobs",
        startTime=int((now - BACK).timestamp() * 1000),
        filterPattern="{ $.schedule = * }",
    )
    for page in islice(pages, PAGES):
        for event in page["events"]:
            name = re.search(r'"schedule": "([^"]+)"', event["message"])
            said = re.search(r'"message": "job (?:is |was )?([\w ]+)', event["message"])
            if name and said:
                found[name[1]] = (datetime.fromtimestamp(event["timestamp"] / 1000, UTC), said[1])
    return found


def _alarms(cloudwatch: Any, stage: Stage) -> list[Alarm]:
    """The stage's own alarms: those that its topic is told of."""
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{stage.called}-")
    return [
        Alarm(one["AlarmName"].removeprefix(f"{stage.called}-"), one["StateValue"], one["StateUpdatedTimestamp"])
        for page in pages
        for one in page["MetricAlarms"]
        if any(action.endswith(f":{stage.called}-alarms") for action in one["AlarmActions"])
    ]


def _recipients(sns: Any, account: Account, stage: Stage) -> list[Recipient]:
    partition = account.session.get_partition_for_region(account.region)
    topic = f"arn:{partition}:sns:{account.region}:{account.number}:{stage.called}-alarms"
    try:
        pages = list(sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic))
    except sns.exceptions.NotFoundException:
        return []
    # Source: Amazon SNS API Reference, ListSubscriptionsByTopic: "PendingConfirmation" stands for the ARN until then.
    return [
        Recipient(one["Endpoint"], one["SubscriptionArn"].startswith("arn:"))
        for page in pages
        for one in page["Subscriptions"]
    ]


def _tasks(ecs: Any, there: Deployed) -> list[Running]:
    return sorted(_of_cluster(ecs, there.cluster), key=lambda task: task.since.timestamp() if task.since else 0)


def _of_cluster(ecs: Any, cluster: str) -> Iterator[Running]:
    for page in ecs.get_paginator("list_tasks").paginate(cluster=cluster, PaginationConfig={"PageSize": 100}):
        if not page["taskArns"]:
            continue
        for told in ecs.describe_tasks(cluster=cluster, tasks=page["taskArns"])["tasks"]:
            commands = [one.get("command", []) for one in told.get("overrides", {}).get("containerOverrides", [])]
            yield Running(
                id=told["taskArn"].rpartition("/")[2],
                status=told["lastStatus"],
                since=told.get("startedAt") or told.get("createdAt"),
                why=told.get("startedBy") or " ".join(commands[0] if commands else []),
            )
