"""CloudFormation's stacks around a deployment: `python -m kit cloudformation VERB NAME`.

ready   brings a stack that a failure left half-made to where it can be deployed again, or says why that cannot be
why     says which resource failed first, and AWS's reason
"""

import sys
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from kit.errors import UsageError
from kit.ops import aws_account, retry
from kit.ops.progress import step

NEVER_MADE = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}
"""A first deployment failed, or a removal: nothing of it serves anyone, and the stack can only be removed."""


def main(arguments: list[str]) -> int:
    """Run one of them; 2 for an error that the user can fix."""
    verb, name = arguments
    try:
        with retry.explained("deploy"):
            cloudformation = aws_account.account().session.client("cloudformation", config=retry.PATIENT)
            ready(cloudformation, name) if verb == "ready" else why(cloudformation, name)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def ready(cloudformation: Any, name: str) -> None:
    """Raise `UsageError` when the stack cannot be deployed to, and that cannot be mended safely."""
    status = find(cloudformation, name)
    if status in NEVER_MADE:
        with step(f"remove what is left of {name}"):
            remove(cloudformation, name)
    elif status == "UPDATE_ROLLBACK_FAILED":
        with step(f"finish rolling {name} back"):
            cloudformation.continue_update_rollback(StackName=name)
            _wait(cloudformation, "stack_rollback_complete", name)
    elif status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        raise UsageError(
            f"The stack {name} is just being changed ({status}), by another deployment. Wait for it to end, and try again."
        )


def remove(cloudformation: Any, name: str) -> None:
    """Remove a stack, and wait until it is gone."""
    cloudformation.delete_stack(StackName=name)
    _wait(cloudformation, "stack_delete_complete", name)


def _wait(cloudformation: Any, what: str, name: str) -> None:
    try:
        cloudformation.get_waiter(what).wait(StackName=name, WaiterConfig={"Delay": 5, "MaxAttempts": 360})
    except WaiterError:
        told = "\n".join(failures(cloudformation, name)) or find(cloudformation, name)
        raise UsageError(f"The stack {name} cannot be mended:\n{told}\nMend what it says, and try again.") from None


def find(cloudformation: Any, name: str) -> str:
    """The stack's status; empty when there is no such stack."""
    try:
        return str(cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":  # how it says that there is none
            return ""
        raise


def why(cloudformation: Any, name: str) -> None:
    """Print what failed first in the stack's last change."""
    for line in failures(cloudformation, name):
        print(line)


def failures(cloudformation: Any, name: str) -> list[str]:
    """A line for the resource that failed first, and for those that failed by themselves beside it."""
    last = [event for event in _last_change(cloudformation, name) if event["ResourceStatus"].endswith("_FAILED")]
    told = [event for event in reversed(last) if "cancelled" not in event.get("ResourceStatusReason", "").lower()]
    return [
        f"{event['ResourceType']} {event['LogicalResourceId']} failed: {event.get('ResourceStatusReason', 'no reason given')}"
        for event in told[:3]
    ]


def _last_change(cloudformation: Any, name: str) -> Iterator[dict[str, Any]]:
    """The events since the stack itself was last begun to be changed, newest first."""
    try:
        for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=name):
            for event in page["StackEvents"]:
                yield event
                begun = event["ResourceStatus"] in {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"}
                if begun and event["PhysicalResourceId"] == event["StackId"]:
                    return
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
