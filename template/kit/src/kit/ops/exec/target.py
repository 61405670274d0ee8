"""Select the account, the stage and the task; prompt only if there is more than one."""

import os
import re
import sys
import uuid
from collections.abc import Sequence

from kit.errors import UsageError
from kit.ops import aws_account, deployed, ecs_task
from kit.ops.aws_account import Account
from kit.ops.deployed import Deployed
from kit.ops.ecs_task import PREFIX, Task
from kit.ops.stage import PROJECT, Stage, project_name


def find_stage(name: str | None) -> tuple[Account, Deployed]:
    """Log in and find the stage of that name, of the variable STAGE, or the only one."""
    if region := re.search(r"AWS_REGION \?= (\S+)", (PROJECT / "project.mk").read_text(encoding="utf-8")):
        os.environ.setdefault("AWS_REGION", region[1])  # as make does
    chosen = name or os.environ.get("STAGE")
    stage = Stage.of(chosen) if chosen else None
    account = aws_account.account()
    return account, deployed.find(account, stage or Stage.of(_choose_stage(account)))


def _choose_stage(account: Account) -> str:
    names = deployed.stages(account, project_name())
    return choose(names, "stage", "--stage prod") if names else "prod"


def list_tasks(account: Account, deployed: Deployed) -> list[Task]:
    """The running one-off tasks of a stage, the oldest first."""
    ecs = Task(account, deployed).ecs
    descriptions = ecs_task.describe_all(ecs, deployed.cluster)
    tasks = [Task(account, deployed, one) for one in descriptions if one.get("startedBy", "").startswith(PREFIX)]
    return sorted(tasks, key=lambda task: str(task.description.get("createdAt", "")))


def find_task(account: Account, deployed: Deployed, id: str) -> Task:
    """The running task whose id begins so, or the task with that whole id, running or not."""
    tasks = {task.id: task for task in list_tasks(account, deployed) if task.id.startswith(id)}
    if not tasks and len(id) == len(uuid.uuid4().hex):
        ended = Task(account, deployed, {"taskArn": id})  # ECS remembers it for an hour
        ended.refresh()
        tasks = {ended.id: ended} if ended.status else {}
    if not tasks:
        prefix = deployed.stage.resource_prefix
        raise UsageError(f"There is no one-off task{f' {id}' if id else ''} in {prefix}. To list them: ./exec ps")
    return tasks[choose(sorted(tasks), "task", "by its id")]


def choose(names: Sequence[str], kind: str, hint: str) -> str:
    """The only name, or the one that the user chooses; raises `UsageError` without a terminal."""
    if len(names) == 1:
        return names[0]
    listed = ", ".join(names)
    if not sys.stdin.isatty():
        raise UsageError(f"There is more than one {kind}: {listed}. Choose one: {hint}")
    print(f"Which {kind}? {listed}\n> ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline().strip()
    matching = [name for name in names if name == answer] or [
        name for name in names if answer and name.startswith(answer)
    ]
    if len(matching) != 1:
        raise UsageError(f"{answer!r} is not one of them: {listed}.")
    return matching[0]
