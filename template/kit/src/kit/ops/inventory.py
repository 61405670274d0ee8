"""Billable resources of a deployed stage."""

import json

from botocore.exceptions import ClientError

from kit.errors import UsageError
from kit.ops import aws_account, deployed
from kit.ops.cost_model import DeployedResources
from kit.ops.stage import PROJECT, Stage


def of(name: str) -> DeployedResources:
    """Read them from AWS; raises `UsageError` when the stage does not exist, or access to it is denied."""
    stage, account = Stage.of(name), aws_account.account()
    task_definition = deployed.find(account, stage).task_definition
    try:
        return _read(account, stage.resource_prefix, task_definition)
    except ClientError as error:
        reason = aws_account.format_client_error(error)
        raise UsageError(f"Can't read the resources of {stage.resource_prefix}: {reason}") from None


def _read(account: aws_account.Account, prefix: str, task_definition: str) -> DeployedResources:
    functions, cloudwatch = account.session.client("lambda"), account.session.client("cloudwatch")
    web, jobs = (
        functions.get_function_configuration(FunctionName=f"{prefix}-{part}", Qualifier="live")
        for part in ("web", "jobs")
    )
    ecs = account.session.client("ecs")
    task = ecs.describe_task_definition(taskDefinition=task_definition)["taskDefinition"]
    alarms = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{prefix}-")
    dashboards = cloudwatch.list_dashboards(DashboardNamePrefix=prefix)["DashboardEntries"]
    return DeployedResources(
        manifest=json.loads((PROJECT / "jobs.json").read_text(encoding="utf-8")),
        architecture=web["Architectures"][0],
        web_memory=web["MemorySize"],
        jobs_memory=jobs["MemorySize"],
        task_cpu=int(task["cpu"]),
        task_memory=int(task["memory"]),
        alarms=sum(len(page["MetricAlarms"]) for page in alarms),
        dashboards=sum(dashboard["DashboardName"] == prefix for dashboard in dashboards),
        secrets=int(":secretsmanager:" in web["Environment"]["Variables"]["DATABASE_URL_SECRET"]),
    )
