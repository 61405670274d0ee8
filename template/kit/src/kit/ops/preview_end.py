"""`make preview-end`: delete the preview of a pull request, or with PR=closed those of all pull requests that are closed.

A preview may outlive its pull request: its deletion failed, or was cancelled. So a pipeline deletes them once a week. It
finds them by the tags `project` and `stage` of their resources in all regions, and by the names of database branches. It
names each, and fails if anything is left.
"""

import argparse
import re
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from kit import clock
from kit.errors import UsageError
from kit.ops import aws_account, github, preview, regions
from kit.ops.aws_account import Account
from kit.ops.github import PullRequest
from kit.ops.stage import PROJECT, project_name
from kit.planetscale import project, transport
from kit.planetscale.client import Client

CLOSED = "closed"
GRACE = timedelta(days=1)
"""A preview whose pull request was closed more recently is left to the pipeline that runs at that event."""
LISTED = 5
"""How many resources of a preview are named."""
LAG_SECONDS = 120.0
"""How long AWS may list a resource after it was deleted."""
POLL_SECONDS = 10.0
FREE = ":task-definition/"
"""What AWS keeps listing after it was deleted, for nothing: the revisions of a task definition."""


def register(commands: Any) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("preview-end", description="Delete a preview and its database branch.")
    parser.add_argument("number", help="the pull request's number, or: closed")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Delete the previews, without confirmation: it deletes only what `make preview` created."""
    again = f"make preview-end PR={arguments.number}"
    with preview.explain_failures(again):
        if arguments.number != CLOSED:
            return preview.of(arguments.number, again).end()
        account = aws_account.account()
        Sweep(
            find=lambda: find(account),
            pull_request=github.pull_request,
            end=lambda number: preview.of(number, again).end(),
        ).run()


@dataclass(frozen=True)
class Sweep:
    """Deletes previews whose pull requests are closed."""

    find: Callable[[], dict[int, list[str]]]
    """The numbers of all previews, each with what there is of it."""
    pull_request: Callable[[int], PullRequest | None]
    end: Callable[[str], None]
    """Deletes one."""
    sleep: Callable[[float], None] = time.sleep

    def run(self) -> None:
        """Print what becomes of each preview; raises `UsageError` that names all that is left."""
        deleted, left = list[int](), list[str]()
        for number, parts in sorted(self.find().items()):
            try:
                pull = self.pull_request(number)
                if pull is None:
                    left.append(f"preview{number}: GitHub has no pull request {number}. {_by_hand(number)}")
                elif pull.closed_at is None or clock.now() - pull.closed_at < GRACE:
                    print(
                        f"preview{number} is kept: its pull request {'is open' if not pull.closed_at else 'was just closed'}"
                    )
                else:
                    print(
                        f"preview{number} is deleted: its pull request was closed on {pull.closed_at:%Y-%m-%d}. {_list(parts)}"
                    )
                    self.end(str(number))
                    deleted.append(number)
            except UsageError as error:
                left.append(f"preview{number}: {error}")
        left += [
            f"preview{number}: {_list(parts)}. {_by_hand(number)}" for number, parts in self._remains(deleted).items()
        ]
        if left:
            raise UsageError("These previews are left, and may cost:\n" + "\n".join(left))

    def _remains(self, deleted: list[int]) -> dict[int, list[str]]:
        """What there is of the deleted previews, once AWS has had time to notice."""
        for _ in range(int(LAG_SECONDS / POLL_SECONDS) if deleted else 0):
            remains = {number: parts for number, parts in self.find().items() if number in deleted}
            if not remains:
                return {}
            self.sleep(POLL_SECONDS)
        return remains if deleted else {}


def find(account: Account) -> dict[int, list[str]]:
    """The numbers of all previews, each with the ARNs of its resources and the name of its database branch."""
    name = project_name()
    parts = defaultdict[int, list[str]](list)

    def resources(tagging: Any, _: str) -> list[dict[str, Any]]:
        filters = [{"Key": "project", "Values": [name]}, {"Key": "stage"}]
        pages = tagging.get_paginator("get_resources").paginate(TagFilters=filters)
        return [resource for page in pages for resource in page["ResourceTagMappingList"]]

    found, _ = regions.ask(account, "resourcegroupstaggingapi", resources)
    for resource in (resource for in_region in found.values() for resource in in_region):
        stage = next(tag["Value"] for tag in resource["Tags"] if tag["Key"] == "stage")
        if (preview := re.fullmatch(r"preview([1-9][0-9]{0,4})", stage)) and FREE not in resource["ResourceARN"]:
            parts[int(preview[1])].append(resource["ResourceARN"])
    for branch in Client(project.read(PROJECT), transport.choose()).items("branches"):
        if preview := re.fullmatch(r"kit-preview-([1-9][0-9]{0,4})", branch["name"]):
            parts[int(preview[1])].append(f"branch {branch['name']}")
    return dict(parts)


def _list(parts: list[str]) -> str:
    more = len(parts) - LISTED
    return ", ".join(parts[:LISTED]) + f", and {more} more" * (more > 0)


def _by_hand(number: int) -> str:
    return f"To delete it: make preview-end PR={number}, or without that: make destroy STAGE=preview{number}"
