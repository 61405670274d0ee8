"""A session in a fresh task: started, entered, and ended with it."""

import argparse
import sys

from infra.ops import oneoff
from infra.ops.exec import chosen, options, terminal
from infra.ops.progress import step
from infra.ops.task import Task

BROKEN_OFF = 143
"""What the task ends with when it is stopped while its session lives."""


def main(told: argparse.Namespace) -> int:
    """Open it; give the exit code of what ran in it."""
    terminal.require()
    account, found = chosen.where(told.stage)
    told.environment = {"LOG_FORMAT": "text", **told.environment}
    with oneoff.started(account, found, options.wanted(told, command=[])) as task:
        with step("wait for its exec agent") as current:
            terminal.wait_for_agent(task, current.say)
        terminal.enter(task, told.command or options.CONSOLE)
        return _ended(task)


def _ended(task: Task) -> int:
    """The task ends with its session, and with the session's exit code."""
    with step("end the task") as current:
        task.stop("Its session ended.")
        task.wait_until_over(current.say)
        code = task.exit_code()
        current.say(f"exit code {code}")
    if code == BROKEN_OFF:
        print("The session broke off, or was ended from outside; how its command ended is not known.", file=sys.stderr)
    return code
