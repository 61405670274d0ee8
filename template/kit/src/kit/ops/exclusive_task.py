"""Run a one-off task after every other one of its kind in the stage, whoever started it, such as the migrations.

ECS has no lock. So a task looks for others twice: before its start, and while it starts, which takes Fargate many
seconds. Of two that were started at the same moment, the younger one is stopped before its container runs.
"""

import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from kit.errors import UsageError
from kit.ops import ecs_task, oneoff_task, retry
from kit.ops.aws_account import Account
from kit.ops.deployed import Deployed
from kit.ops.ecs_task import Task, TaskSpec


class _Superseded(Exception):
    """An older task of the kind is running."""


def run(account: Account, deployed: Deployed, spec: TaskSpec, kind: Sequence[str]) -> int:
    """Wait until no other task of the kind runs in the stage, then run the task as `oneoff_task.run` does.

    kind: what the commands of these tasks begin with.

    Raises `UsageError` as `oneoff_task.run` does.
    """

    def check(task: Task) -> None:
        if any(_age(other) < _age(task) for other in _running(account, deployed, kind)):
            raise _Superseded

    while True:
        while others := _running(account, deployed, kind) or _stopping(account, deployed, kind):
            _wait(others[0])
        with suppress(_Superseded):
            return oneoff_task.run(account, deployed, spec, check)


def _age(task: Task) -> tuple[float, str]:
    """Orders tasks by their age, the oldest first, in the same way for everyone."""
    return task.description["createdAt"].timestamp(), task.arn


def _running(account: Account, deployed: Deployed, kind: Sequence[str], *, stopped: bool = False) -> list[Task]:
    """The tasks of the kind that were not asked to stop, the oldest first."""
    deadline = time.monotonic() + retry.REQUEST_SECONDS
    ecs = Task(account, deployed).ecs
    descriptions = retry.retry_until(
        lambda: list(ecs_task.describe_all(ecs, deployed.cluster, stopped=stopped)), deadline
    )
    tasks = [Task(account, deployed, description) for description in descriptions]
    return sorted((task for task in tasks if task.command[: len(kind)] == list(kind) and not task.ended), key=_age)


def _stopping(account: Account, deployed: Deployed, kind: Sequence[str]) -> list[Task]:
    """The tasks of the kind that were asked to stop and have not ended."""
    return _running(account, deployed, kind, stopped=True)


def _wait(other: Task) -> None:
    """Show the output of another's task until it has ended; its exit code is its owner's concern."""
    who = other.tag("who").rpartition("/")[2] or "somebody"
    print(f"{who} is running `{' '.join(other.command)}` (task {other.id[:8]}). Waiting for it.", file=sys.stderr)
    with suppress(UsageError):
        oneoff_task.follow(other, other.lifetime)
