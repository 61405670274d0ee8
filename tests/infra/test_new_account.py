"""The first lines of a first deployment name what the account lacks: IAM is moto's, Lambda's answer is a stub."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from kit.ops import deploy, new_account
from kit.ops import iac as tool
from kit.ops.aws_account import Account
from kit.ops.queues import Undeclared
from kit.ops.stage import Stage


class Session(boto3.Session):
    """A session in which moto knows everything but Lambda's limits."""

    limit: int | None

    def client(self, name: str, *arguments: Any, **options: Any) -> Any:
        client = super().client(name, *arguments, **options)
        if name == "lambda":
            stubber = Stubber(client)
            if self.limit is None:
                stubber.add_client_error("get_account_settings", "AccessDeniedException", http_status_code=403)
            else:
                stubber.add_response("get_account_settings", {"AccountLimit": {"ConcurrentExecutions": self.limit}})
            stubber.activate()
        return client


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account that has nothing."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        session = Session(region_name="us-east-1")
        session.limit = 10
        yield Account("123456789012", "arn:aws:iam::123456789012:user/me", "us-east-1", session)


def use(account: Account, *, limit: int | None, role: bool) -> None:
    account.session.limit = limit  # type: ignore[attr-defined]
    if role:
        for name in new_account.ROLES:
            account.session.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")


def test_a_new_account_lacks_environments_and_the_roles_of_services(account: Account) -> None:
    concurrency, role, other = new_account.lacking(account)
    assert "Lambda may run 10 environments at once" in concurrency
    assert "no concurrency can be reserved" in concurrency
    assert "Service Quotas, AWS Lambda, Concurrent executions (L-B99A9384)" in concurrency
    assert "aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com" in role
    assert "aws iam create-service-linked-role --aws-service-name ops.apigateway.amazonaws.com" in other


def test_an_account_in_use_lacks_nothing(account: Account) -> None:
    use(account, limit=1000, role=True)
    assert new_account.lacking(account) == []


def test_a_quota_that_was_raised_a_little_allows_reservations(account: Account) -> None:
    use(account, limit=500, role=True)
    [concurrency] = new_account.lacking(account)
    assert "Lambda may run 500 environments at once" in concurrency
    assert "reserved" not in concurrency


def test_what_may_not_be_read_is_left_out(account: Account) -> None:
    use(account, limit=None, role=True)
    assert new_account.lacking(account) == []


def test_the_first_lines_of_a_deployment_say_it(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tool, "how_to_set_alarm_email", lambda stage: "alarm_email")
    settings = tool.Settings("arm64", "/my-app/prod/database-url", "")
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
    assert [line.startswith("  new account ") for line in lines[:4]] == [True, True, True, False]
