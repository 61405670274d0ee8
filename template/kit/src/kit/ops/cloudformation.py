"""CloudFormation stacks around a deployment; infra/*/infra.mk calls this as `python -m kit stack`."""

import argparse
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from kit.errors import UsageError
from kit.ops import aws_account, retry
from kit.ops.progress import step

NEVER_COMPLETE = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}
"""A first deployment or a deletion has failed: nothing of the stack is in use, and it can only be deleted."""


def register(commands: Any) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("stack", description=__doc__)
    parser.add_argument(
        "action",
        choices=["prepare", "failures"],
        help="prepare: repair a stack that an earlier failure left undeployable; failures: print what failed first",
    )
    parser.add_argument("stack", help="the stack's name")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Prepare a stack for a deployment, or print why its last one failed."""
    cloudformation = aws_account.account().session.client("cloudformation", config=retry.RETRY)
    if arguments.action == "prepare":
        prepare(cloudformation, arguments.stack)
    else:
        print("".join(f"{line}\n" for line in failures(cloudformation, arguments.stack)), end="")


def prepare(cloudformation: Any, name: str) -> None:
    """Make a stack deployable again; raises `UsageError` when that cannot be done safely."""
    status = stack_status(cloudformation, name)
    if status in NEVER_COMPLETE:
        with step(f"delete the failed stack {name}"):
            delete(cloudformation, name)
    elif status == "UPDATE_ROLLBACK_FAILED":
        with step(f"finish the rollback of {name}"):
            cloudformation.continue_update_rollback(StackName=name)
            _wait(cloudformation, "stack_rollback_complete", name)
    elif status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        raise UsageError(
            f"Another deployment is changing the stack {name} ({status}). Wait until it has ended, and try again."
        )


def delete(cloudformation: Any, name: str) -> None:
    """Delete a stack, and wait until it is gone."""
    cloudformation.delete_stack(StackName=name)
    _wait(cloudformation, "stack_delete_complete", name)


def _wait(cloudformation: Any, waiter: str, name: str) -> None:
    try:
        cloudformation.get_waiter(waiter).wait(StackName=name, WaiterConfig={"Delay": 5, "MaxAttempts": 360})
    except WaiterError:
        reason = "\n".join(failures(cloudformation, name)) or stack_status(cloudformation, name)
        raise UsageError(f"Can't repair the stack {name}:\n{reason}\nFix the cause, and try again.") from None


def stack_status(cloudformation: Any, name: str) -> str:
    """The stack's status; empty when it does not exist."""
    try:
        return str(cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":  # no such stack
            return ""
        raise


def failures(cloudformation: Any, name: str) -> list[str]:
    """The first failures of the last change, leaving out resources that were only cancelled by them."""
    failed = [event for event in _last_change(cloudformation, name) if event["ResourceStatus"].endswith("_FAILED")]
    causes = [event for event in reversed(failed) if "cancelled" not in event.get("ResourceStatusReason", "").lower()]
    return [
        f"{event['ResourceType']} {event['LogicalResourceId']} failed: {event.get('ResourceStatusReason', 'no reason given')}"
        for event in causes[:3]
    ]


def _last_change(cloudformation: Any, name: str) -> Iterator[dict[str, Any]]:
    """The events of the stack's last change, newest first."""
    try:
        for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=name):
            for event in page["StackEvents"]:
                yield event
                starts = event["ResourceStatus"] in {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"}
                if starts and event["PhysicalResourceId"] == event["StackId"]:
                    return
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
