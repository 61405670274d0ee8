"""`./exec ps`: the one-off tasks that run."""

import argparse
import sys
from datetime import UTC, datetime

from kit.ops.ecs_task import Task
from kit.ops.exec import options, target


def main(arguments: list[str]) -> int:
    """Print a line for each."""
    parser = argparse.ArgumentParser(prog="./exec ps", description="List the one-off tasks that run.")
    options.stage(parser)
    account, found = target.where(parser.parse_args(arguments).stage)
    there = target.tasks(account, found)
    if not there:
        print(f"No one-off task runs in {found.stage.called}.", file=sys.stderr)
        return 0
    print(f"{'TASK':<10}{'STATUS':<14}{'LEFT':<8}{'WHO':<28}WHY")
    for task in there:
        who = task.tag("who").rpartition("/")[2]
        print(f"{task.id[:8]:<10}{task.status.lower():<14}{left(task):<8}{who:<28}{task.tag('why')}")
    return 0


def left(task: Task) -> str:
    """The time until it ends by itself."""
    begun = task.told.get("startedAt") or task.told["createdAt"]
    minutes = (task.lifetime - (datetime.now(UTC) - begun).total_seconds()) / 60
    return f"{minutes / 60:.0f} h" if minutes >= 100 else f"{max(minutes, 0):.0f} min"
