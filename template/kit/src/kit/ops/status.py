"""`make status`: on one screen what runs of a stage, what waits, what failed, and what comes next."""

import argparse
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from kit.ops import aws_account, iac, stage_status
from kit.ops.stage import Stage
from kit.ops.stage_status import Sight

RED, YELLOW = 31, 33
SOME = 5
"""Tasks that are listed each; more are counted."""
STEPS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def register(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("status", help="what runs of a stage, waits, failed, and comes next")
    Stage.option(parser)
    parser.set_defaults(run=run, policy="look")


def run(arguments: argparse.Namespace) -> None:
    """Look, and print."""
    now = datetime.now(UTC)
    print("\n".join(page(stage_status.look(aws_account.account(), Stage.of(arguments.stage), now), now)))


def page(seen: Sight, now: datetime) -> Iterator[str]:
    """The lines of the screen."""
    yield f"{seen.stage.called} in {seen.account.region}, account {seen.account.number}"
    yield f"  address    {seen.address}"
    yield f"  image      {seen.functions[0].image}"
    for one in seen.functions:
        age = f"version {one.version}, published {ago(one.published, now)}"
        other = "" if one.image == seen.functions[0].image else f", of another image: {one.image[:19]}"
        yield f"  {one.part:<10} {age}, {one.memory} MB, {one.architecture}{other}"
    yield ""
    yield f"  {'queue':<24}{'waiting':>9}{'running':>9}{'delayed':>9}{'dead':>9}"
    for queue in seen.queues:
        dead = f"{queue.dead:>9}"
        yield f"  {queue.name:<24}{queue.waiting:>9}{queue.running:>9}{queue.delayed:>9}{_in(RED if queue.dead else 0, dead)}"
    yield f"  delayed past 15 minutes: {seen.delays}"
    yield ""
    yield f"  {'schedule':<24}{'expression':<28}{'next':<14}last, in the {stage_status.BACK.total_seconds() / 3600:.0f} h past"
    for schedule in seen.schedules:
        last = f"{ago(schedule.last[0], now)}: {schedule.last[1]}" if schedule.last else "-"
        due = f"in {_span((schedule.next - now).total_seconds())}" if schedule.next else "never"
        yield f"  {schedule.name:<24}{schedule.expression:<28}{due:<14}{last}"
    yield ""
    yield from _alarms(seen, now)
    yield from _tasks(seen, now)


def _alarms(seen: Sight, now: datetime) -> Iterator[str]:
    loud = [alarm for alarm in seen.alarms if alarm.state == "ALARM"]
    yield f"  alarms     {len(loud) or 'none'} of {len(seen.alarms)} in ALARM"
    yield _recipients(seen)
    for alarm in loud:
        yield _in(RED, f"    {alarm.name:<22} since {ago(alarm.since, now)}")


def _recipients(seen: Sight) -> str:
    if told := [one.endpoint for one in seen.recipients if one.confirmed]:
        return f"    sent to {', '.join(told[:SOME])}" + f", and {len(told) - SOME} more" * (len(told) > SOME)
    if seen.recipients:
        return _in(
            YELLOW, f"    NOBODY IS TOLD: {seen.recipients[0].endpoint} has not opened the link in AWS's email yet"
        )
    return _in(RED, f"    NOBODY IS TOLD. Set {iac.how_to_set_alarm_email(seen.stage)}")


def _tasks(seen: Sight, now: datetime) -> Iterator[str]:
    yield f"  tasks      {len(seen.tasks) or 'none'} on Fargate"
    for task in seen.tasks[:SOME]:
        age = ago(task.since, now) if task.since else ""
        yield f"    {task.id:<33} {_in(0 if task.status == 'RUNNING' else YELLOW, f'{task.status:<14}')}{age:<14}{task.why}"
    if len(seen.tasks) > SOME:
        yield f"    and {len(seen.tasks) - SOME} more"


def ago(moment: datetime, now: datetime) -> str:
    """How long ago, in the largest unit that fits."""
    return f"{_span((now - moment).total_seconds())} ago"


def _span(seconds: float) -> str:
    unit, size = next(((unit, size) for unit, size in STEPS if seconds >= size), STEPS[-1])
    return f"{max(0, seconds) // size:.0f} {unit}"


def _in(colour: int, text: str) -> str:
    shown = colour and sys.stdout.isatty() and "NO_COLOR" not in os.environ
    return f"\033[{colour}m{text}\033[0m" if shown else text
