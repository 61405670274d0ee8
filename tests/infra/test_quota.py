"""The quota of environments: what deploying and the status say of it, what jobs get of it, and a request for more."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import moto_stage
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from kit.cli import main as command
from kit.errors import UsageError
from kit.ops import confirm, deploy, lambda_quota
from kit.ops.aws_account import Account
from kit.ops.iac import Settings
from kit.ops.lambda_quota import LambdaQuota

NEW, USUAL = LambdaQuota(10, 10), LambdaQuota(1000, 950)
SETTINGS = Settings(database_secret="/my-app/prod/database-url")


def test_it_says_what_a_quota_means_and_how_to_ask_for_more() -> None:
    assert NEW.describe() == (
        "this account runs 10 environments at once, and answers at most 100 requests a second. Ask for more: make quota"
    )
    assert USUAL.describe() == (
        "this account runs 1,000 environments at once, and answers at most 10,000 requests a second; 950 of them are not "
        "reserved"
    )


@pytest.mark.parametrize("environments", [2, 5, 10, 25, 50, 100, 1000])
@pytest.mark.parametrize("queues", [1, 2, 6])
@pytest.mark.parametrize("setting", [2, 10, 1000])
def test_jobs_leave_half_of_the_environments_or_it_is_said(environments: int, queues: int, setting: int) -> None:
    quota = LambdaQuota(environments, environments)
    each = quota.jobs_concurrency(setting, queues)
    assert lambda_quota.LEAST_JOBS <= each <= setting
    assert each * queues <= environments // 2 or each == lambda_quota.LEAST_JOBS
    starving = each * queues >= environments
    assert starving == ("JOBS CAN STARVE REQUESTS" in quota.describe_jobs(setting, queues))


def test_a_setting_that_leaves_enough_is_kept() -> None:
    assert deploy.limits(USUAL, SETTINGS) == {}
    assert deploy.limits(None, SETTINGS) == {}


def test_a_low_quota_lowers_the_jobs_of_a_deployment() -> None:
    assert deploy.limits(NEW, SETTINGS) == {
        "jobs_concurrency": 5,
        "jobs_note": "5 at once for each queue, not 10, so that jobs leave environments for requests",
    }


@pytest.mark.parametrize(("quota", "reserved"), [(NEW, 1), (LambdaQuota(1000, 1000), 901)])
def test_a_reservation_that_aws_would_refuse_is_refused_first(quota: LambdaQuota, reserved: int) -> None:
    with pytest.raises(UsageError, match=r"100 must stay unreserved.*make quota"):
        deploy.limits(quota, replace(SETTINGS, web_reserved_concurrency=reserved))
    assert "jobs_concurrency" not in deploy.limits(
        LambdaQuota(1000, 1000), replace(SETTINGS, web_reserved_concurrency=900)
    )


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        moto_stage.quota(monkeypatch, 10)
        session = boto3.Session(region_name="us-east-1")
        yield Account("123456789012", "arn:aws:iam::123456789012:user/me", "us-east-1", session)


def test_a_quota_that_may_not_be_read_is_said_in_one_line(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    moto_stage.quota(monkeypatch, None)
    quota, text = lambda_quota.read_if_allowed(account)
    assert quota is None
    assert text.startswith("unknown. Access denied: your role lacks lambda:GetAccountSettings")
    assert text.endswith("make policy FOR=look") and "\n" not in text


class ServiceQuotas:
    """Service Quotas, by its own model of requests and answers; moto has no requests for quotas."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *requests: dict[str, Any]) -> None:
        self.asked: list[float] = []
        create = boto3.Session.client

        def client(session: boto3.Session, name: str, *arguments: Any, **options: Any) -> Any:
            created = create(session, name, *arguments, **options)
            if name == "service-quotas":
                stubber = Stubber(created)
                if options["config"].retries["total_max_attempts"] == 1:
                    created.meta.events.register("provide-client-params.*", self._note)
                    answer = request(1000, "PENDING")
                    stubber.add_response("request_service_quota_increase", {"RequestedQuota": answer})
                else:
                    answers = {"RequestedQuotas": list(requests)}
                    stubber.add_response("list_requested_service_quota_change_history_by_quota", answers)
                stubber.activate()
            return created

        monkeypatch.setattr(boto3.Session, "client", client)

    def _note(self, params: dict[str, Any], **_: Any) -> None:
        assert (params["ServiceCode"], params["QuotaCode"]) == ("lambda", "L-B99A9384")
        self.asked.append(params["DesiredValue"])


def request(value: float, status: str, *, day: int = 1) -> dict[str, Any]:
    return {"DesiredValue": value, "Status": status, "Created": datetime(2026, 11, day, tzinfo=UTC)}


def quota_of(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["kit", "quota", *words])
    return command.main()


def test_more_is_asked_for_after_a_yes(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service = ServiceQuotas(monkeypatch)
    questions = []
    monkeypatch.setattr(confirm, "ask", lambda question, **_: questions.append(question))
    assert quota_of(monkeypatch) == 0
    assert questions == ["Ask AWS for 1,000 environments in us-east-1? It costs nothing."]
    assert service.asked == [1000]
    assert capsys.readouterr().out.splitlines() == [
        "In us-east-1, this account runs 10 environments at once, and answers at most 100 requests a second.",
        "Request for 1,000, of 2026-11-01: AWS has not looked at it yet.",
    ]


def test_nothing_is_asked_for_without_a_yes(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service = ServiceQuotas(monkeypatch)
    assert quota_of(monkeypatch) == 2
    assert "make quota ENVIRONMENTS=1000 YES=1" in capsys.readouterr().err
    assert service.asked == []


def test_the_newest_request_is_shown_and_while_it_is_open_no_other_is_made(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service = ServiceQuotas(monkeypatch, request(500, "DENIED"), request(800, "CASE_OPENED", day=9) | {"CaseId": "17"})
    assert quota_of(monkeypatch, "--yes") == 0
    assert "Request for 800, of 2026-11-09: AWS's support looks at it, which may take days (case 17)." in (
        capsys.readouterr().out
    )
    assert quota_of(monkeypatch, "--yes", "--environments", "900") == 2
    assert "one request at a time" in capsys.readouterr().err
    assert service.asked == []


def test_after_an_answer_more_can_be_asked_for(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    service = ServiceQuotas(monkeypatch, request(500, "DENIED"))
    assert quota_of(monkeypatch, "--yes", "--environments", "2,000") == 0
    assert service.asked == [2000]


@pytest.mark.parametrize(
    ("number", "sentence"),
    [("many", "Invalid number of environments 'many'"), ("0", "Invalid number"), ("10", "has 10 already")],
)
def test_a_number_that_makes_no_sense_is_refused(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: str, sentence: str
) -> None:
    service = ServiceQuotas(monkeypatch)
    assert quota_of(monkeypatch, "--yes", "--environments", number) == 2
    assert sentence in capsys.readouterr().err
    assert service.asked == []
