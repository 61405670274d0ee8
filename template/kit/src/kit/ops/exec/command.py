"""`./exec --run`: a command as the task itself, with its output and its exit code."""

import argparse
import sys

from kit.ops import oneoff_task
from kit.ops.aws_account import Account
from kit.ops.deployed import Deployed
from kit.ops.ecs_task import Task, TaskSpec
from kit.ops.exec import options, target
from kit.ops.progress import step


def main(args: argparse.Namespace) -> int:
    """Run it to its end, or with --detach only start it."""
    account, deployed = target.find_stage(args.stage)
    spec = options.task_spec(args, command=args.command)
    return _detach(account, deployed, spec) if args.detach else oneoff_task.run(account, deployed, spec)


def _detach(account: Account, deployed: Deployed, spec: TaskSpec) -> int:
    task = Task(account, deployed)
    try:
        with step("start a task") as current:
            task.start(spec, current.update)
    except BaseException:
        oneoff_task.stop(task)
        raise
    print(task.id)
    stage = f" --stage {deployed.stage.name}"
    for verb, effect in (("follow", "its output and exit code"), ("attach", "a console in it"), ("stop", "stop it")):
        print(f"  ./exec {verb}{stage} {task.id[:8]:<12} {effect}", file=sys.stderr)
    return 0
