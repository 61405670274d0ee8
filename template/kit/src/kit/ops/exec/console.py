"""A session in a fresh task: started, entered, and ended with it."""

import argparse
import sys
import time

from kit.ops import oneoff_task
from kit.ops.ecs_task import Task
from kit.ops.exec import ecs_exec, options, target
from kit.ops.progress import step

BROKEN_OFF = 143
"""What the task ends with when it is stopped while its session lives."""
OVER = 124
"""What it ends with when its time is over."""


def main(told: argparse.Namespace) -> int:
    """Open it; give the exit code of what ran in it."""
    ecs_exec.require()
    account, found = target.where(told.stage)
    told.environment = {"LOG_FORMAT": "text", **told.environment}
    with oneoff_task.started(account, found, options.wanted(told, command=[])) as task:
        with step("wait for its exec agent") as current:
            ecs_exec.wait_for_agent(task, current.say)
        begun = time.monotonic()
        ecs_exec.enter(task, told.command or options.CONSOLE)
        code = _end(task)
    if code == OVER and time.monotonic() - begun > told.max / 2:  # else it is the command's own
        print("The task's time was over; --max gives it more.", file=sys.stderr)
    if code == BROKEN_OFF:
        print("The session broke off, or was ended from outside; how its command ended is not known.", file=sys.stderr)
    return code


def _end(task: Task) -> int:
    """End the task with its session; give the session's exit code."""
    with step("end the task") as current:
        task.stop("Its session ended.")
        task.wait_until_over(current.say)
        code = task.exit_code()
        current.say(f"exit code {code}")
    return code
