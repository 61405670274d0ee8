"""`./exec stop`: stop a task."""

from kit.ops.exec import options, target
from kit.ops.progress import step


def main(arguments: list[str]) -> int:
    """Stop it, and wait until it has ended."""
    args = options.parse_task("stop", "Stop a task.", arguments)
    account, deployed = target.find_stage(args.stage)
    task = target.find_task(account, deployed, args.task)
    with step(f"stop {task.id[:8]}") as current:
        task.stop(f"Stopped by {account.caller}.")
        task.wait_until_ended(current.update)
        current.update(task.stop_reason())
    return 0
