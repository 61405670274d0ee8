"""What `make policy` and `make deploy` find out for a policy: other APIs, the boundary of roles, Terraform's state."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws
from tools import BACKEND

from kit.errors import UsageError
from kit.ops import boundary, destroy, policy, tool_state
from kit.ops.aws_account import Account
from kit.ops.stage import Stage
from kit.ops.tool_state import ToolState

REGION = "eu-central-1"
PREVIEW = Stage("my-app", "preview12")


class Stubbed(boto3.Session):
    """A session whose next client has these answers."""

    stubber: Stubber

    def client(self, *arguments: Any, **options: Any) -> Any:
        client = super().client(*arguments, **options)
        self.stubber = Stubber(client)
        self.answer()
        self.stubber.activate()
        return client

    def answer(self) -> None:
        raise NotImplementedError


def account_of(session: boto3.Session) -> Account:
    return Account("123456789012", "arn:aws:iam::123456789012:user/me", REGION, session)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(policy, "project_name", lambda: "my-app")
    with mock_aws():
        yield account_of(boto3.Session(region_name=REGION))


def test_the_limits_name_each_api_of_the_account_but_those_of_previews(account: Account) -> None:
    gateway = account.session.client("apigatewayv2")
    ids = {
        name: gateway.create_api(Name=name, ProtocolType="HTTP")["ApiId"]
        for name in ("my-app-prod", "my-app-preview12", "shop")
    }
    others = policy.other_apis(account, "preview*")
    assert set(others) == {ids["my-app-prod"], ids["shop"]}
    text = policy.filled("limits", "aws", REGION, account.number, "preview*", others)
    assert all(f"::/*{ids[name]}*" in text for name in ("my-app-prod", "shop"))
    assert ids["my-app-preview12"] not in text


def test_limits_that_aws_would_refuse_are_an_error(account: Account) -> None:
    with pytest.raises(UsageError, match=r"The policy limits would have \d+,\d+ characters; AWS allows 6,144"):
        policy.filled("limits", "aws", REGION, account.number, "preview*", ["a1b2c3d4e5"] * 200)


def test_without_another_api_there_is_no_statement_about_one(account: Account) -> None:
    document = json.loads(policy.filled("limits", "aws", REGION, account.number, "preview*"))
    assert "NoOtherApi" not in [statement["Sid"] for statement in document["Statement"]]


def test_the_roles_of_all_previews_have_one_boundary_if_the_account_has_it(account: Account) -> None:
    assert boundary.find(account, PREVIEW) == ""
    iam = account.session.client("iam")
    text = policy.filled("boundary", "aws", REGION, account.number, "preview*")
    arn = iam.create_policy(PolicyName="my-app-preview-boundary", PolicyDocument=text)
    assert boundary.find(account, PREVIEW) == arn["Policy"]["Arn"]
    assert boundary.find(account, Stage("my-app", "prod")) == ""
    assert boundary.name("my-app", "preview*") == "my-app-preview-boundary"


class MayNotRead(Stubbed):
    def answer(self) -> None:
        self.stubber.add_client_error("get_policy", "AccessDenied", http_status_code=403)


class MayNotDeregister(Stubbed):
    def answer(self) -> None:
        arns = [f"arn:aws:ecs:{REGION}:123456789012:task-definition/my-app-preview12:{number}" for number in (1, 2)]
        self.stubber.add_response("list_task_definitions", {"taskDefinitionArns": arns})
        self.stubber.add_client_error("deregister_task_definition", "AccessDeniedException", http_status_code=400)


def keys(kind: type[Stubbed]) -> Account:
    return account_of(kind("x", "x", region_name=REGION))


def test_a_caller_that_may_not_read_the_boundary_deploys_without_one() -> None:
    assert boundary.find(keys(MayNotRead), PREVIEW) == ""


def test_a_preview_is_deleted_though_its_role_may_not_deregister_task_definitions() -> None:
    assert destroy.deregister(keys(MayNotDeregister), PREVIEW) == (
        "2 revisions stay: you may not deregister them (ecs:DeregisterTaskDefinition)"
    )


def test_the_state_is_where_the_backend_says() -> None:
    assert ToolState.of(BACKEND) == ToolState("my-state", "my-app", "env:")
    other = BACKEND.replace("use_lockfile = true", 'workspace_key_prefix = "stages"')
    assert ToolState.of(other).variables == {
        "StateBucket": "my-state",
        "StateKey": "my-app",
        "StatePrefix": "stages",
    }


def test_a_state_that_is_not_in_s3_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="needs a bucket and a key"):
        ToolState.of('backend "s3" {\n  bucket = "my-state"\n}')
    monkeypatch.setattr(tool_state, "PROJECT", tmp_path)
    with pytest.raises(
        UsageError, match=r"Terraform has no backend \"s3\".* Add one as described in infra/terraform/README"
    ):
        tool_state.read()
