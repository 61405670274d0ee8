"""`./exec attach`: enter a task that runs. Leaving ends nothing."""

import sys

from kit.ops import retry
from kit.ops.exec import ecs_exec, options, target
from kit.ops.progress import step


def main(arguments: list[str]) -> int:
    """Enter it."""
    told = options.of_a_task("attach", "Enter a task that runs.", arguments, command=True)
    ecs_exec.require()
    task = target.task(*target.where(told.stage), told.task)
    with step("wait for its exec agent") as current:
        ecs_exec.wait_for_agent(task, current.say)
    ecs_exec.enter(task, told.command or options.CONSOLE, guest=True)
    retry.until(task.look, 0)
    last = "The task has ended." if task.over else f"The task runs on. To end it: ./exec stop {task.id[:8]}"
    print(last, file=sys.stderr)
    return 0
