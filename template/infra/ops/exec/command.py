"""--run: a command as the task's own, with its output and its real exit code."""

import argparse
import sys

from infra.ops import oneoff
from infra.ops.deployed import Deployed
from infra.ops.exec import chosen, options
from infra.ops.progress import step
from infra.ops.session import Account
from infra.ops.task import Task, Wanted


def main(told: argparse.Namespace) -> int:
    """Run it to its end, or begin it and leave it."""
    account, found = chosen.where(told.stage)
    wanted = options.wanted(told, command=told.command)
    return _begin(account, found, wanted) if told.detach else oneoff.run(account, found, wanted)


def _begin(account: Account, found: Deployed, wanted: Wanted) -> int:
    task = Task(account, found)
    try:
        with step("start a task") as current:
            task.start(wanted, current.say)
    except BaseException:
        oneoff.end(task)
        raise
    print(task.id)
    stage = f" --stage {found.stage.name}"
    for verb, what in (("follow", "its output and exit code"), ("attach", "a console in it"), ("stop", "its end")):
        print(f"  ./exec {verb}{stage} {task.id[:8]:<12} {what}", file=sys.stderr)
    return 0
