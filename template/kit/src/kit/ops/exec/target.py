"""Which account, stage and task is meant: a single one silently, of several the person says which."""

import os
import re
import sys
import uuid
from collections.abc import Sequence

from kit.errors import UsageError
from kit.ops import aws_account, deployed
from kit.ops.aws_account import Account
from kit.ops.deployed import Deployed
from kit.ops.ecs_task import PREFIX, Task
from kit.ops.stage import PROJECT, Stage, project_name


def where(stage: str | None) -> tuple[Account, Deployed]:
    """Log in, and find what is deployed; asks only when there is more than one stage."""
    if found := re.search(r"AWS_REGION \?= (\S+)", (PROJECT / "project.mk").read_text(encoding="utf-8")):
        os.environ.setdefault("AWS_REGION", found[1])  # as make does
    account = aws_account.account()
    name = stage or os.environ.get("STAGE") or _stage(account)
    return account, deployed.find(account, Stage.of(name))


def _stage(account: Account) -> str:
    there = deployed.stages(account, project_name())
    return one(there, "stage", "--stage prod") if there else "prod"


def tasks(account: Account, found: Deployed) -> list[Task]:
    """The one-off tasks that run in a stage, the oldest first."""
    ecs = Task(account, found).ecs
    arns = [arn for page in ecs.get_paginator("list_tasks").paginate(cluster=found.cluster) for arn in page["taskArns"]]
    there: list[Task] = []
    for begin in range(0, len(arns), 100):  # as many as ECS tells of at once
        answer = ecs.describe_tasks(cluster=found.cluster, tasks=arns[begin : begin + 100], include=["TAGS"])
        there += [
            Task(account, found, told) for told in answer["tasks"] if told.get("startedBy", "").startswith(PREFIX)
        ]
    return sorted(there, key=lambda task: str(task.told.get("createdAt", "")))


def task(account: Account, found: Deployed, beginning: str) -> Task:
    """The task whose id begins so."""
    fitting = {task.id: task for task in tasks(account, found) if task.id.startswith(beginning)}
    if not fitting and len(beginning) == len(uuid.uuid4().hex):
        ended = Task(account, found, {"taskArn": beginning})  # ECS tells of it for an hour
        ended.look()
        fitting = {ended.id: ended} if ended.status else {}
    if not fitting:
        named = f" {beginning}" if beginning else ""
        raise UsageError(f"There is no one-off task{named} in {found.stage.called}. ./exec ps lists those there are.")
    return fitting[one(sorted(fitting), "task", "by its id")]


def one(names: Sequence[str], what: str, how: str) -> str:
    """The only one, or the one that the person chooses; raises `UsageError` where there is nobody to ask."""
    if len(names) == 1:
        return names[0]
    listed = ", ".join(names)
    if not sys.stdin.isatty():
        raise UsageError(f"There is more than one {what}: {listed}. Say which: {how}")
    print(f"Which {what}? {listed}\n> ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline().strip()
    fitting = [name for name in names if name == answer] or [
        name for name in names if answer and name.startswith(answer)
    ]
    if len(fitting) != 1:
        raise UsageError(f"{answer!r} is not one of them: {listed}.")
    return fitting[0]
