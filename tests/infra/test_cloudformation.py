"""Stacks that a failure left incomplete: what is repaired, and what is reported."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from kit.errors import UsageError
from kit.ops import cloudformation

NAME = "my-app-prod"
ID = "arn:aws:cloudformation:us-east-1:123456789012:stack/my-app-prod/1"


def event(
    status: str, reason: str = "", kind: str = "AWS::Lambda::Function", name: str = "WebFunction"
) -> dict[str, Any]:
    whole = kind == "AWS::CloudFormation::Stack"
    fields = {"ResourceType": kind, "LogicalResourceId": NAME if whole else name, "ResourceStatus": status}
    fields |= {"StackId": ID, "PhysicalResourceId": ID if whole else "x"}
    return fields | ({"ResourceStatusReason": reason} if reason else {})


class CloudFormation:
    """A fake CloudFormation client that records changes."""

    def __init__(self, status: str, events: list[dict[str, Any]] | None = None, *, mends: bool = True) -> None:
        self.status, self.events, self.mends = status, events or [], mends
        self.done: list[str] = []

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        if not self.status:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "does not exist"}}, "DescribeStacks")
        return {"Stacks": [{"StackStatus": self.status}]}

    def delete_stack(self, StackName: str) -> None:
        self.done.append("delete")

    def continue_update_rollback(self, StackName: str) -> None:
        self.done.append("continue")

    def get_waiter(self, what: str) -> Any:
        return self

    def wait(self, **_: Any) -> None:
        if not self.mends:
            raise WaiterError("stack", "failed", {})

    def get_paginator(self, what: str) -> Any:
        return self

    def paginate(self, StackName: str) -> list[dict[str, Any]]:
        return [{"StackEvents": self.events}]


@pytest.mark.parametrize(
    "status", ["", "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"]
)
def test_a_deployable_stack_is_not_changed(status: str) -> None:
    aws = CloudFormation(status)
    cloudformation.prepare(aws, NAME)
    assert aws.done == []


@pytest.mark.parametrize("status", sorted(cloudformation.NEVER_COMPLETE))
def test_a_stack_that_was_never_complete_is_deleted(status: str) -> None:
    aws = CloudFormation(status)
    cloudformation.prepare(aws, NAME)
    assert aws.done == ["delete"]


def test_a_stack_in_use_is_never_deleted() -> None:
    aws = CloudFormation("UPDATE_ROLLBACK_FAILED")
    cloudformation.prepare(aws, NAME)
    assert aws.done == ["continue"]


@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"])
def test_a_concurrent_deployment_is_an_error(status: str) -> None:
    aws = CloudFormation(status)
    with pytest.raises(UsageError, match="Another deployment"):
        cloudformation.prepare(aws, NAME)
    assert aws.done == []


EVENTS = [
    event("UPDATE_ROLLBACK_COMPLETE", kind="AWS::CloudFormation::Stack"),
    event("UPDATE_FAILED", "Resource update cancelled", name="JobsFunction"),
    event("CREATE_FAILED", "Queue already exists", "AWS::SQS::Queue", "MailQueue"),
    event("CREATE_IN_PROGRESS", kind="AWS::SQS::Queue", name="MailQueue"),
    event("UPDATE_IN_PROGRESS", "User Initiated", "AWS::CloudFormation::Stack"),
    event("CREATE_FAILED", "of last year", name="Old"),
]


def test_the_first_failure_of_the_last_change_is_reported_with_its_reason() -> None:
    reasons = cloudformation.failures(CloudFormation("UPDATE_ROLLBACK_COMPLETE", EVENTS), NAME)
    assert reasons == ["AWS::SQS::Queue MailQueue failed: Queue already exists"]


def test_a_stack_that_cannot_be_repaired_is_reported_with_the_reason() -> None:
    aws = CloudFormation("DELETE_FAILED", EVENTS, mends=False)
    with pytest.raises(UsageError, match="Queue already exists"):
        cloudformation.prepare(aws, NAME)
