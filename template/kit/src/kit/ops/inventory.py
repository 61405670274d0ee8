"""Billable resources of a deployed stage."""

import json

from botocore.exceptions import ClientError

from kit.errors import UsageError
from kit.ops import aws_account, deployed, throttle
from kit.ops.cost_model import NO_CDN, PAY_AS_YOU_GO, DeployedResources
from kit.ops.stage import PROJECT, Stage
from kit.ops.throttle import REGION_BURST, REGION_RATE, Throttle


def of(name: str) -> DeployedResources:
    """Read them from AWS; raises `UsageError` when the stage does not exist, or access to it is denied."""
    stage, account = Stage.of(name), aws_account.account()
    task_definition = deployed.find(account, stage).task_definition
    try:
        return _read(account, stage, task_definition)
    except ClientError as error:
        reason = aws_account.format_client_error(error)
        raise UsageError(f"Can't read the resources of {stage.resource_prefix}: {reason}") from None


def _read(account: aws_account.Account, stage: Stage, task_definition: str) -> DeployedResources:
    prefix = stage.resource_prefix
    functions, cloudwatch = account.session.client("lambda"), account.session.client("cloudwatch")
    web, jobs = (
        functions.get_function_configuration(FunctionName=f"{prefix}-{part}", Qualifier="live")
        for part in ("web", "jobs")
    )
    reserved = functions.get_function(FunctionName=f"{prefix}-web").get("Concurrency", {})
    ecs = account.session.client("ecs")
    task = ecs.describe_task_definition(taskDefinition=task_definition)["taskDefinition"]
    alarms = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{prefix}-")
    limits = throttle.read(account, stage) or Throttle(REGION_RATE, REGION_BURST)
    dashboards = cloudwatch.list_dashboards(DashboardNamePrefix=prefix)["DashboardEntries"]
    # Reading the plan needs another permission; --cdn free names it.
    cdn = PAY_AS_YOU_GO if deployed.distribution(account, stage) else NO_CDN
    return DeployedResources(
        manifest=json.loads((PROJECT / "jobs.json").read_text(encoding="utf-8")),
        architecture=web["Architectures"][0],
        cdn=cdn,
        web_memory=web["MemorySize"],
        throttle_rate=limits.rate,
        throttle_burst=limits.burst,
        web_reserved_concurrency=reserved.get("ReservedConcurrentExecutions", -1),
        jobs_memory=jobs["MemorySize"],
        task_cpu=int(task["cpu"]),
        task_memory=int(task["memory"]),
        alarms=sum(len(page["MetricAlarms"]) for page in alarms),
        dashboards=sum(dashboard["DashboardName"] == prefix for dashboard in dashboards),
        secrets=int(":secretsmanager:" in web["Environment"]["Variables"]["DATABASE_URL_SECRET"]),
    )
