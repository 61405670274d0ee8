"""`./exec attach`: open a session in a running task. Leaving it does not stop the task."""

import sys

from kit.ops import retry
from kit.ops.exec import ecs_exec, options, target
from kit.ops.progress import step


def main(arguments: list[str]) -> int:
    """Open the session."""
    args = options.parse_task("attach", "Open a session in a running task.", arguments, command=True)
    ecs_exec.require()
    task = target.find_task(*target.find_stage(args.stage), args.task)
    with step("wait for its exec agent") as current:
        ecs_exec.wait_for_agent(task, current.update)
    ecs_exec.enter(task, args.command or options.CONSOLE, guest=True)
    retry.retry_until(task.refresh, 0)
    running = f"The task is still running. To stop it: ./exec stop {task.id[:8]}"
    print("The task has ended." if task.ended else running, file=sys.stderr)
    return 0
