"""`./exec stop`: end a task."""

from kit.ops.exec import options, target
from kit.ops.progress import step


def main(arguments: list[str]) -> int:
    """End it, and wait until it has."""
    told = options.of_a_task("stop", "End a task.", arguments)
    account, found = target.where(told.stage)
    task = target.task(account, found, told.task)
    with step(f"end {task.id[:8]}") as current:
        task.stop(f"Ended by {account.caller}.")
        task.wait_until_over(current.say)
        current.say(task.why_ended())
    return 0
