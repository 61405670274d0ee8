"""A session in a new task, which is stopped when the session ends."""

import argparse
import sys
import time

from kit.ops import oneoff_task
from kit.ops.ecs_task import Task
from kit.ops.exec import ecs_exec, options, target
from kit.ops.progress import step

STOPPED = 143
"""The task's exit code when it was stopped during the session."""
TIMED_OUT = 124
"""Its exit code when its lifetime was over."""


def main(args: argparse.Namespace) -> int:
    """Open the session; return the exit code of its command."""
    ecs_exec.require()
    account, deployed = target.find_stage(args.stage)
    args.environment = {"LOG_FORMAT": "text", **args.environment}
    with oneoff_task.running(account, deployed, options.task_spec(args, command=[])) as task:
        with step("wait for its exec agent") as current:
            ecs_exec.wait_for_agent(task, current.update)
        start = time.monotonic()
        ecs_exec.enter(task, args.command or options.CONSOLE)
        code = _stop(task)
    if code == TIMED_OUT and time.monotonic() - start > args.max / 2:  # otherwise it is the command's own exit code
        print("The task's lifetime was over; use --max for a longer one.", file=sys.stderr)
    if code == STOPPED:
        print("The session was interrupted or stopped; the exit code of its command is not known.", file=sys.stderr)
    return code


def _stop(task: Task) -> int:
    """Stop the task; return the exit code of the session."""
    with step("stop the task") as current:
        task.stop("Its session ended.")
        task.wait_until_ended(current.update)
        code = task.exit_code()
        current.update(f"exit code {code}")
    return code
