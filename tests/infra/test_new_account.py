"""The first lines of a first deployment name what the account lacks."""

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from kit.ops import deploy, new_account
from kit.ops import iac as tool
from kit.ops.aws_account import Account
from kit.ops.queues import Undeclared
from kit.ops.stage import Stage


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account that has nothing."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        session = boto3.Session(region_name="us-east-1")
        yield Account("123456789012", "arn:aws:iam::123456789012:user/me", "us-east-1", session)


def test_a_new_account_lacks_the_roles_of_services(account: Account) -> None:
    role, other = new_account.lacking(account)
    assert "aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com" in role
    assert "aws iam create-service-linked-role --aws-service-name ops.apigateway.amazonaws.com" in other


def test_an_account_in_use_lacks_nothing(account: Account) -> None:
    for name in new_account.ROLES:
        account.session.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    assert new_account.lacking(account) == []


def test_the_first_lines_of_a_deployment_say_it(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tool, "how_to_set_alarm_email", lambda stage: "alarm_email")
    settings = tool.Settings(database_secret="/my-app/prod/database-url")
    deploy.show(
        account,
        settings,
        deploy.Plan(Stage("my-app", "prod")),
        [],
        Undeclared({}, {}),
        lacking=new_account.lacking(account),
    )
    title, *lines = filter(None, capsys.readouterr().out.splitlines())
    assert title == "my-app-prod in us-east-1 of account 123456789012:"
    assert [line.startswith("  new account ") for line in lines[:3]] == [True, True, False]
