"""`make rollback`: let visitors, jobs and tasks meet what was live before, in one step."""

import argparse
import sys
from typing import Any

from kit.errors import UsageError
from kit.ops import aws_account, confirm, deployed, health_check, image
from kit.ops.progress import step
from kit.ops.releases import Versions
from kit.ops.stage import Stage


def register(commands: Any) -> None:
    """Add the command and its options."""
    rollback = commands.add_parser("rollback", help="let visitors meet what was live before")
    Stage.option(rollback)
    rollback.add_argument("--yes", action="store_true", help="do not ask")
    rollback.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Move both aliases back; the task definition follows, as each version names its own revision."""
    stage = Stage.of(arguments.stage)
    account = aws_account.account()
    versions = Versions(account, stage)
    record = versions.history()
    if not versions.whole():  # one of the two functions has not moved yet
        with step("finish what was broken off"):
            versions.move(record)
        return
    if len(record) < 2:
        deployed.find(account, stage)  # tells when nothing is there at all
        raise UsageError(f"There is nothing to go back to: {stage.called} has had no version before this one.")
    now, before = record[0], record[1]
    name = versions.image(before.web)
    if not image.exists(account, stage, name):
        raise UsageError(f"Version {before.web} cannot be gone back to: its image {name} is not there any more.")
    print(f"\n{stage.called}, in {account.region} of account {account.number}:\n", file=sys.stderr)
    print(f"  live       from version {now.web} back to version {before.web}", file=sys.stderr)
    print(f"  image      {name.rpartition('@')[2][:19]}, for visitors, jobs and tasks", file=sys.stderr)
    print("  left alone the database's schema, and everything else of the infrastructure\n", file=sys.stderr)
    confirm.ask("Go ahead?", yes=arguments.yes, otherwise=f"Add YES=1: make rollback STAGE={stage.name} YES=1")
    with step("ask it for an answer"):
        health_check.version(account, stage, before.web)
    with step("let visitors meet it"):
        versions.move(record[1:])
    address = deployed.address(account, stage)
    with step("ask the address"):
        health_check.address(address)
    print(f"\nForward again: make deploy STAGE={stage.name}", file=sys.stderr)
