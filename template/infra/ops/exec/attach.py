"""`./exec attach`: enter a task that runs. Leaving ends nothing."""

import sys

from infra.ops import asking
from infra.ops.exec import chosen, options, terminal
from infra.ops.progress import step


def main(arguments: list[str]) -> int:
    """Enter it."""
    told = options.of_a_task("attach", "Enter a task that runs.", arguments, command=True)
    terminal.require()
    task = chosen.task(*chosen.where(told.stage), told.task)
    with step("wait for its exec agent") as current:
        terminal.wait_for_agent(task, current.say)
    terminal.enter(task, told.command or options.CONSOLE, guest=True)
    asking.until(task.look, 0)
    last = "The task has ended." if task.over else f"The task runs on. To end it: ./exec stop {task.id[:8]}"
    print(last, file=sys.stderr)
    return 0
