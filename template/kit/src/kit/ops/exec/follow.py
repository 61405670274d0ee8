"""`./exec follow`: a task's output from its beginning, and its exit code. Leaving does not stop the task."""

from kit.ops import oneoff_task
from kit.ops.exec import options, target


def main(arguments: list[str]) -> int:
    """Follow the task until it has ended."""
    args = options.parse_task("follow", "Show a task's output, and exit with its exit code.", arguments)
    task = target.find_task(*target.find_stage(args.stage), args.task)
    return oneoff_task.follow(task, task.lifetime)
