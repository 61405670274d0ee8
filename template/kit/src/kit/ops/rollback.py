"""`make rollback`: switch back to the previous version, for requests, jobs and tasks at once."""

import argparse
import sys
from typing import Any

from kit.errors import UsageError
from kit.ops import aws_account, confirm, deployed, health_check, image, queues
from kit.ops.progress import step
from kit.ops.releases import Releases
from kit.ops.stage import Stage, add_command


def register(commands: Any) -> None:
    """Add the command and its options."""
    parser = add_command(commands, "rollback", "Switch a stage back to the previous version.", run)
    parser.add_argument("--yes", action="store_true", help="don't ask for confirmation")


def run(arguments: argparse.Namespace) -> None:
    """Move both aliases back; tasks follow, as each version names its own task definition."""
    stage = Stage.of(arguments.stage)
    account = aws_account.account()
    releases = Releases(account, stage)
    record = releases.history()
    if not releases.is_consistent():
        with step("finish the interrupted switch"):
            releases.activate(record)
        return
    if len(record) < 2:
        deployed.find(account, stage)  # raises when there is no such stage
        raise UsageError(f"{stage.resource_prefix} has no earlier version to roll back to.")
    live, previous = record[0], record[1]
    name = releases.image(previous.web)
    if not image.exists(account, stage, name):
        raise UsageError(f"Can't roll back to version {previous.web}: its image {name} has been deleted.")
    if missing := queues.missing(account, stage, previous.jobs):
        raise UsageError(
            f"Can't roll back to version {previous.web}: it needs the queue {missing[0]}, which was dropped. Deploy code "
            f"that declares the queue: make deploy STAGE={stage.name}"
        )
    print(f"\n{stage.resource_prefix} in {account.region} of account {account.number}:\n", file=sys.stderr)
    print(f"  version    {live.web} → {previous.web}", file=sys.stderr)
    print(f"  image      {name.rpartition('@')[2][:19]}, for requests, jobs and tasks", file=sys.stderr)
    print("  unchanged  the database schema and the rest of the infrastructure\n", file=sys.stderr)
    confirm.ask("Continue?", yes=arguments.yes, hint=f"Add YES=1: make rollback STAGE={stage.name} YES=1")
    with step("check the version's health"):
        health_check.check_version(account, stage, previous.web)
    with step("switch traffic"):
        releases.activate(record[1:])
    address = deployed.address(account, stage)
    with step("check the address"):
        health_check.check_address(address, deployed.target(account, address))
    print(f"\nTo go forward again: make deploy STAGE={stage.name}", file=sys.stderr)
