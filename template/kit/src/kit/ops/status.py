"""`make status`: read-only status of a deployed stage, on one screen."""

import argparse
import os
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from kit.jobs import cron
from kit.ops import aws_account, deployed, ecs_task, health_check, iac, lambda_quota, queues
from kit.ops.aws_account import Account
from kit.ops.retry import RETRY
from kit.ops.stage import Stage, add_command

RED, YELLOW = 31, 33
MAX_LISTED = 5
"""Tasks and recipients that are listed; more are counted."""
MAX_PAGES = 20
"""Pages of a list that are read: there may be as many delayed jobs as jobs."""
LOOK_BACK = timedelta(hours=26)
"""How far back a schedule's last run is looked for."""
DELAYED_JOB = re.compile(r"[0-9a-f]{32}-\d+")
"""How `kit.jobs.queues.sqs` names the one-time schedule of a job that is delayed by more than 15 minutes."""
UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def register(commands: Any) -> None:
    """Add the command and its options."""
    add_command(commands, "status", "Show a stage's versions, queues, schedules, alarms and tasks.", run, policy="look")


def run(arguments: argparse.Namespace) -> None:
    """Print the status."""
    stage = Stage.of(arguments.stage)
    print("\n".join(Status(aws_account.account(), stage, datetime.now(UTC)).lines()))


class Status:
    """Reads a stage from the AWS APIs, a section at a time."""

    def __init__(self, account: Account, stage: Stage, now: datetime) -> None:
        self.account, self.stage, self.now, self.prefix = account, stage, now, stage.resource_prefix

    def client(self, service: str) -> Any:
        return self.account.session.client(service, config=RETRY)

    def lines(self) -> list[str]:
        """All lines; raises `UsageError` when the stage does not exist, and `ClientError` when access is denied."""
        cluster = deployed.find(self.account, self.stage).cluster
        functions = self.client("lambda")
        web, jobs = (
            functions.get_function(FunctionName=f"{self.prefix}-{part}", Qualifier="live") for part in ("web", "jobs")
        )
        return [
            f"{self.prefix} in {self.account.region}, account {self.account.number}",
            *self._address(),
            f"  image      {_image(web)}",
            f"  web        {self._function(web)}",
            f"  jobs       {self._function(jobs)}{'' if _image(jobs) == _image(web) else f', image {_image(jobs)[:19]}'}",
            self._capacity(),
            "",
            *self._queues(jobs["Configuration"]["Environment"]["Variables"]),
            *self._schedules(),
            *self._alarms(),
            *self._tasks(cluster),
        ]

    def _address(self) -> Iterator[str]:
        address = deployed.address(self.account, self.stage)
        yield f"  address    {address}"
        if cdn := deployed.distribution(self.account, self.stage):
            yield f"  cdn        CloudFront {cdn.id}, {cdn.domain}"
        target = deployed.target(self.account, self.stage, address)
        if target and not health_check.is_public(address):
            yield f"             {_colour(RED, deployed.dns_hint(address, target))}"

    def _capacity(self) -> str:
        quota, text = lambda_quota.read_if_allowed(self.account)
        return _colour(YELLOW if quota is None or quota.is_low else 0, f"  capacity   {text}")

    def _function(self, function: dict[str, Any]) -> str:
        configuration = function["Configuration"]
        published = self._ago(datetime.fromisoformat(configuration["LastModified"]))
        [architecture] = configuration["Architectures"]
        return f"version {configuration['Version']}, published {published}, {configuration['MemorySize']} MB, {architecture}"

    def _queues(self, variables: dict[str, str]) -> Iterator[str]:
        sqs = self.client("sqs")
        yield f"  {'queue':<24}{'waiting':>9}{'running':>9}{'delayed':>9}{'dead':>9}"
        for queue in queues.of(variables):
            held = queues.count(sqs, queue)
            dead = _colour(RED if held.dead else 0, f"{held.dead:>9}")
            yield f"  {queue.name:<24}{held.waiting:>9}{held.running:>9}{held.delayed:>9}{dead}"

    def _schedules(self) -> Iterator[str]:
        scheduler = self.client("scheduler")
        pages = scheduler.get_paginator("list_schedules").paginate(
            GroupName=self.prefix, PaginationConfig={"PageSize": 100}
        )
        names = [schedule["Name"] for page in islice(pages, MAX_PAGES) for schedule in page["Schedules"]]
        delayed = [name for name in names if DELAYED_JOB.fullmatch(name)]
        yield f"  delayed past 15 minutes: {len(delayed)}{' or more' if len(names) >= 100 * MAX_PAGES else ''}"
        yield ""
        hours = LOOK_BACK.total_seconds() / 3600
        yield f"  {'schedule':<24}{'expression':<28}{'next':<14}last, within {hours:.0f} h"
        last_runs = self._last_runs()
        for name in names:
            if name not in delayed:
                schedule = scheduler.get_schedule(GroupName=self.prefix, Name=name)
                last, outcome = last_runs.get(name, (None, ""))
                due = self._next_run(schedule, last)
                next_run = f"in {_duration((due - self.now).total_seconds())}" if due else "never"
                last_run = f"{self._ago(last)}: {outcome}" if last else "-"
                yield f"  {name:<24}{schedule['ScheduleExpression']:<28}{next_run:<14}{last_run}"
        yield ""

    def _next_run(self, schedule: dict[str, Any], last: datetime | None) -> datetime | None:
        if schedule["State"] != "ENABLED":
            return None
        when = cron.parse(schedule["ScheduleExpression"])
        timezone = schedule.get("ScheduleExpressionTimezone", "UTC")
        # A rate counts from its last run, which is not known to the second.
        start = last if last and isinstance(when, cron.Rate) else self.now
        return when.after(start, UTC if timezone == "UTC" else ZoneInfo(timezone))

    def _last_runs(self) -> dict[str, tuple[datetime, str]]:
        """What the jobs function last logged about each schedule, and when."""
        runs = {}
        pages = (
            self.client("logs")
            .get_paginator("filter_log_events")
            .paginate(
                logGroupName=f"/{self.prefix}/jobs",
                startTime=int((self.now - LOOK_BACK).timestamp() * 1000),
                filterPattern="{ $.schedule = * }",
            )
        )
        for page in islice(pages, MAX_PAGES):
            for event in page["events"]:
                name = re.search(r'"schedule": ?"([^"]+)"', event["message"])
                outcome = re.search(r'"message": ?"job (?:is |was )?([\w ]+)', event["message"])
                if name and outcome:
                    runs[name[1]] = (datetime.fromtimestamp(event["timestamp"] / 1000, UTC), outcome[1])
        return runs

    def _alarms(self) -> Iterator[str]:
        if self.stage.is_preview:
            yield "  alarms     none, as for every preview"
            return
        topic = f"{self.prefix}-alarms"
        pages = self.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{self.prefix}-")
        # The prefix alone also matches a stage whose name begins with this one's.
        alarms = [
            alarm
            for page in pages
            for alarm in page["MetricAlarms"]
            if any(action.endswith(f":{topic}") for action in alarm["AlarmActions"])
        ]
        firing = [alarm for alarm in alarms if alarm["StateValue"] == "ALARM"]
        yield f"  alarms     {len(firing) or 'none'} of {len(alarms)} in ALARM"
        yield self._recipients_line()
        for alarm in firing:
            name, since = alarm["AlarmName"].removeprefix(f"{self.prefix}-"), self._ago(alarm["StateUpdatedTimestamp"])
            yield _colour(RED, f"    {name:<22} since {since}")

    def _recipients_line(self) -> str:
        recipients = self.recipients()
        if confirmed := [endpoint for endpoint, is_confirmed in recipients.items() if is_confirmed]:
            more = len(confirmed) - MAX_LISTED
            return f"    sent to {', '.join(confirmed[:MAX_LISTED])}" + f", and {more} more" * (more > 0)
        if recipients:
            return _colour(
                YELLOW, f"    NOT SENT: {next(iter(recipients))} has not confirmed the link in AWS's email yet"
            )
        return _colour(RED, f"    NOT SENT TO ANYONE. Set {iac.how_to_set_alarm_email(self.stage)}")

    def recipients(self) -> dict[str, bool]:
        """The subscribers of the stage's alarms, and whether each has confirmed the subscription."""
        sns = self.client("sns")
        partition = self.account.session.get_partition_for_region(self.account.region)
        topic = f"arn:{partition}:sns:{self.account.region}:{self.account.number}:{self.prefix}-alarms"
        try:
            pages = list(sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic))
        except sns.exceptions.NotFoundException:
            return {}
        # Source: Amazon SNS API Reference, ListSubscriptionsByTopic: until then the ARN is "PendingConfirmation".
        return {
            subscription["Endpoint"]: subscription["SubscriptionArn"].startswith("arn:")
            for page in pages
            for subscription in page["Subscriptions"]
        }

    def _tasks(self, cluster: str) -> Iterator[str]:
        def started(task: dict[str, Any]) -> datetime:
            moment: datetime = task.get("startedAt") or task.get("createdAt", self.now)
            return moment

        tasks = sorted(ecs_task.describe_all(self.client("ecs"), cluster), key=started)
        yield f"  tasks      {len(tasks) or 'none'} on Fargate"
        for task in tasks[:MAX_LISTED]:
            id, status = task["taskArn"].rpartition("/")[2], task["lastStatus"]
            overrides = task.get("overrides", {}).get("containerOverrides") or [{}]
            purpose = task.get("startedBy") or " ".join(overrides[0].get("command", []))
            state = _colour(0 if status == "RUNNING" else YELLOW, f"{status:<14}")
            yield f"    {id:<33} {state}{self._ago(started(task)):<14}{purpose}"
        if len(tasks) > MAX_LISTED:
            yield f"    and {len(tasks) - MAX_LISTED} more"

    def _ago(self, moment: datetime) -> str:
        return f"{_duration((self.now - moment).total_seconds())} ago"


def _image(function: dict[str, Any]) -> str:
    """The digest of a function's image."""
    code = function["Code"]
    return str(code.get("ResolvedImageUri") or code["ImageUri"]).rpartition("@")[2]


def _duration(seconds: float) -> str:
    """In the largest unit that fits."""
    unit, size = next(((unit, size) for unit, size in UNITS if seconds >= size), UNITS[-1])
    return f"{max(0, seconds) // size:.0f} {unit}"


def _colour(colour: int, text: str) -> str:
    enabled = colour and sys.stdout.isatty() and "NO_COLOR" not in os.environ
    return f"\033[{colour}m{text}\033[0m" if enabled else text
