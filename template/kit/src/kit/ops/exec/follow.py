"""`./exec follow`: the output of a task from its beginning, and its exit code. Leaving ends nothing."""

from kit.ops import oneoff_task
from kit.ops.exec import options, target


def main(arguments: list[str]) -> int:
    """Follow it to its end."""
    told = options.of_a_task("follow", "Show what a task writes, and end with its exit code.", arguments)
    task = target.task(*target.where(told.stage), told.task)
    return oneoff_task.follow(task, task.lifetime)
