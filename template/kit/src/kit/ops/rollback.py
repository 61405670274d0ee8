"""`make rollback`: switch back to an earlier version, for requests, jobs and tasks at once."""

import argparse
import sys
from typing import Any

from kit.errors import UsageError
from kit.ops import aws_account, brake, commits, confirm, deployed, health_check, image, queues
from kit.ops.progress import step
from kit.ops.releases import Release, Releases
from kit.ops.stage import Stage, add_command


def register(commands: Any) -> None:
    """Add the command and its options."""
    parser = add_command(commands, "rollback", "Switch a stage back to an earlier version.", run)
    parser.add_argument("--yes", action="store_true", help="don't ask for confirmation")
    parser.add_argument("--to", default="", metavar="VERSION", help="the version; without it the previous one")


def run(arguments: argparse.Namespace) -> None:
    """Move both aliases back; tasks follow, as each version names its own task definition."""
    stage = Stage.of(arguments.stage)
    account = aws_account.account()
    releases = Releases(account, stage)
    record = releases.history()
    if not releases.is_consistent():
        print(f"  version    {releases.answering()} → {record[0].web}", file=sys.stderr)
        with step("finish the interrupted switch"):
            releases.activate(record)
        if not arguments.to:
            return
    if not record:
        deployed.find(account, stage)  # raises when there is no such stage
    earlier = choose(record, arguments.to, stage)
    if earlier == record:
        print(f"Version {record[0].web} is live already. Nothing changed.", file=sys.stderr)
        return
    live, target = record[0], earlier[0]
    name = releases.image(target.web)
    if not image.exists(account, stage, name):
        raise UsageError(f"Can't roll back to version {target.web}: its image {name} has been deleted.")
    if missing := queues.missing(account, stage, target.jobs):
        raise UsageError(
            f"Can't roll back to version {target.web}: it needs the queue {missing[0]}, which was dropped. Deploy code "
            f"that declares the queue: make deploy STAGE={stage.name}"
        )
    print(f"\n{stage.resource_prefix} in {account.region} of account {account.number}:\n", file=sys.stderr)
    print(f"  version    {live.web} → {target.web}", file=sys.stderr)
    print(f"  image      {name.rpartition('@')[2][:19]}, for requests, jobs and tasks", file=sys.stderr)
    print("  unchanged  the database schema and the rest of the infrastructure\n", file=sys.stderr)
    again = f"make rollback STAGE={stage.name} TO={target.web} YES=1"
    confirm.ask("Continue?", yes=arguments.yes, hint=f"Add YES=1: {again}")
    bad = commits.read(releases.description(live.web))
    with step("check the version's health"):
        health_check.check_version(account, stage, target.web)
    with step("switch traffic"):
        releases.activate(earlier)
    address = deployed.address(account, stage)
    if not brake.is_closed(account, stage):
        with step("check the address"):
            health_check.check_address(address, deployed.target(account, stage, address))
    print(f"\n{afterwards(stage, live, bad)}", file=sys.stderr)


def choose(record: list[Release], version: str, stage: Stage) -> list[Release]:
    """The record from the release to go back to on.

    Args:
        record: the releases, newest first.
        version: as `make status` shows it, the web function's, or both as "7/5"; empty for the one before the live one.
        stage: for the messages.

    Raises `UsageError` if there is no such release, or there are several.
    """
    if not version:
        if len(record) < 2:
            raise UsageError(f"{stage.resource_prefix} has no earlier version to roll back to.")
        return record[1:]
    found = [index for index, release in enumerate(record) if version in {release.web, str(release)}]
    names = ", ".join(str(release) if len(found) > 1 else release.web for release in record) or "none"
    if not found:
        raise UsageError(f"{stage.resource_prefix} has no version {version} to roll back to. Versions: {names}.")
    if len({str(record[index]) for index in found}) > 1:
        raise UsageError(f"There are several versions {version}; name one of {names}, such as TO={record[found[0]]}")
    return record[found[0] :]


def hint(stage: Stage, record: list[Release]) -> str:
    """What is live after a deployment, and how to go back."""
    if len(record) < 2:
        return f"\nVersion {record[0].web} is live." if record else ""
    live, previous = record[0], record[1]
    version = previous.web if live.web != previous.web else str(previous)
    return (
        f"\nVersion {live.web} is live. To go back: make rollback STAGE={stage.name} TO={version}, or in the pipeline: "
        f"gh workflow run rollback -f version={version}"
    )


def afterwards(stage: Stage, live: Release, commit: str) -> str:
    """What happens next to the version that was rolled back; `commit` is its commit, empty if that is not known."""
    revert = f"git revert {commit[:12]}" if commit else "git revert"
    return (
        f"The next deployment brings version {live.web}'s code back, with a merge into main too, unless it is reverted "
        f"there first: {revert}. To go forward again at once: make deploy STAGE={stage.name}"
    )
