"""`make brake`: whether a stage's API refuses all requests, as it does once a budget has closed the brake; open or close it.

The state is the API's throttle alone, whoever changed it. A deployment leaves a closed brake closed.
"""

import argparse
from typing import Any

from kit.errors import UsageError
from kit.ops import aws_account, confirm, iac, throttle
from kit.ops.aws_account import Account
from kit.ops.stage import Stage, add_command
from kit.ops.throttle import CLOSED, Throttle


def register(commands: Any) -> None:
    """Add the command and its options."""
    parser = add_command(commands, "brake", "Show, open or close the brake: whether a stage refuses all requests.", run)
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--open", action="store_true", help="accept requests again, as many as the settings say")
    way.add_argument("--close", action="store_true", help="refuse all requests now")
    parser.add_argument("--yes", action="store_true", help="don't ask for confirmation")


def run(arguments: argparse.Namespace) -> None:
    """Show the brake, or change it."""
    stage, account = Stage.of(arguments.stage), aws_account.account()
    current = throttle.read(account, stage)
    if current is None:
        raise UsageError(f"{stage.resource_prefix} has no HTTP API. Deploy it: make deploy STAGE={stage.name}")
    if arguments.close and not current.is_closed:
        again = f"make brake CLOSE=1 STAGE={stage.name} YES=1"
        confirm.ask(f"Refuse all requests to {stage.resource_prefix}?", yes=arguments.yes, hint=f"Add YES=1: {again}")
        throttle.write(account, stage, current := CLOSED)
    elif arguments.open and current.is_closed:
        settings = iac.settings(stage)
        if settings.throttle_rate == 0:
            raise UsageError(f"The settings of {stage.name} have a throttle_rate of 0. Raise it: make brake OPEN=1")
        throttle.write(account, stage, current := Throttle(settings.throttle_rate, settings.throttle_burst))
        if settings.budget_brake > 0:
            print("AWS Budgets closes it again in another month, or once you have changed budget_brake and deployed.")
    print(describe(stage, current))


def describe(stage: Stage, current: Throttle) -> str:
    """What the API accepts, and how to open a closed brake."""
    if current.is_closed:
        return f"CLOSED: the API refuses all requests. Open it: make brake OPEN=1 STAGE={stage.name}"
    return f"open: the API accepts {current.rate:,} requests a second, and {current.burst:,} at once"


def is_closed(account: Account, stage: Stage) -> bool:
    """Whether the stage's API refuses all requests."""
    current = throttle.read(account, stage)
    return current is not None and current.is_closed
