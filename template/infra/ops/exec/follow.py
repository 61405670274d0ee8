"""`./exec follow`: the output of a task from its beginning, and its exit code. Leaving ends nothing."""

from infra.ops import oneoff
from infra.ops.exec import chosen, options


def main(arguments: list[str]) -> int:
    """Follow it to its end."""
    told = options.of_a_task("follow", "Show what a task writes, and end with its exit code.", arguments)
    task = chosen.task(*chosen.where(told.stage), told.task)
    return oneoff.follow(task, task.lifetime)
