"""`./exec ps`: list the running one-off tasks."""

import argparse
import sys
from datetime import UTC, datetime

from kit.ops.ecs_task import Task
from kit.ops.exec import options, target


def main(arguments: list[str]) -> int:
    """Print a line for each task."""
    parser = argparse.ArgumentParser(prog="./exec ps", description="List the running one-off tasks.")
    options.add_stage(parser)
    account, deployed = target.find_stage(parser.parse_args(arguments).stage)
    tasks = target.list_tasks(account, deployed)
    if not tasks:
        print(f"No one-off task is running in {deployed.stage.resource_prefix}.", file=sys.stderr)
        return 0
    print(f"{'TASK':<10}{'STATUS':<14}{'LEFT':<8}{'WHO':<28}WHY")
    for task in tasks:
        who = task.tag("who").rpartition("/")[2]
        print(f"{task.id[:8]:<10}{task.status.lower():<14}{time_left(task):<8}{who:<28}{task.tag('why')}")
    return 0


def time_left(task: Task) -> str:
    """The rest of its lifetime."""
    start = task.description.get("startedAt") or task.description["createdAt"]
    minutes = (task.lifetime - (datetime.now(UTC) - start).total_seconds()) / 60
    return f"{minutes / 60:.0f} h" if minutes >= 100 else f"{max(minutes, 0):.0f} min"
