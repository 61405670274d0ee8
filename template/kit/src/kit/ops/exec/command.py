"""--run: a command as the task's own, with its output and its real exit code."""

import argparse
import sys

from kit.ops import oneoff_task
from kit.ops.aws_account import Account
from kit.ops.deployed import Deployed
from kit.ops.ecs_task import Task, Wanted
from kit.ops.exec import options, target
from kit.ops.progress import step


def main(told: argparse.Namespace) -> int:
    """Run it to its end, or begin it and leave it."""
    account, found = target.where(told.stage)
    wanted = options.wanted(told, command=told.command)
    return _begin(account, found, wanted) if told.detach else oneoff_task.run(account, found, wanted)


def _begin(account: Account, found: Deployed, wanted: Wanted) -> int:
    task = Task(account, found)
    try:
        with step("start a task") as current:
            task.start(wanted, current.say)
    except BaseException:
        oneoff_task.end(task)
        raise
    print(task.id)
    stage = f" --stage {found.stage.name}"
    for verb, what in (("follow", "its output and exit code"), ("attach", "a console in it"), ("stop", "its end")):
        print(f"  ./exec {verb}{stage} {task.id[:8]:<12} {what}", file=sys.stderr)
    return 0
