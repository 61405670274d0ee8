"""What stands in AWS of a deployed stage, as far as it has a price."""

import json
from typing import Any

from botocore.exceptions import ClientError

from kit.errors import UsageError
from kit.ops import aws_account
from kit.ops.cost_model import Standing
from kit.ops.deployed import find
from kit.ops.stage import PROJECT, Stage


def of(name: str) -> Standing:
    """Ask for it; raises `UsageError` when the stage is not there, or may not be looked at."""
    account, stage = aws_account.account(), Stage.of(name)
    deployed = find(account, stage)
    try:
        return _ask(account.session, stage.called, deployed.task_definition)
    except ClientError as error:
        raise UsageError(f"What stands of {stage.called} cannot be seen: {aws_account.reason(error)}") from None


def _ask(asked: Any, called: str, task_definition: str) -> Standing:
    functions, cloudwatch = asked.client("lambda"), asked.client("cloudwatch")
    web, jobs = (
        functions.get_function_configuration(FunctionName=f"{called}-{part}", Qualifier="live")
        for part in ("web", "jobs")
    )
    task = asked.client("ecs").describe_task_definition(taskDefinition=task_definition)["taskDefinition"]
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{called}-")
    dashboards = cloudwatch.list_dashboards(DashboardNamePrefix=called)["DashboardEntries"]
    return Standing(
        manifest=json.loads((PROJECT / "jobs.json").read_text(encoding="utf-8")),
        architecture=web["Architectures"][0],
        web_memory=web["MemorySize"],
        jobs_memory=jobs["MemorySize"],
        task_cpu=int(task["cpu"]),
        task_memory=int(task["memory"]),
        alarms=sum(len(page["MetricAlarms"]) for page in pages),
        dashboards=sum(one["DashboardName"] == called for one in dashboards),
        secrets=int(":secretsmanager:" in web["Environment"]["Variables"]["DATABASE_URL_SECRET"]),
    )
