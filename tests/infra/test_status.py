"""`make status` of a stage in moto."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import moto_stage
import pytest
from moto_stage import PREFIX, start_task, write

from kit.cli import main as command
from kit.ops import iac
from kit.ops.aws_account import Account
from kit.ops.stage import Stage
from kit.ops.status import Status


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Any:
    with moto_stage.running(monkeypatch) as session:
        yield session


@pytest.fixture
def status(aws: Any, app: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.setattr(iac, "PROJECT", app)

    def call(stage: str = "prod") -> str:
        monkeypatch.setattr("kit.ops.stage.project_name", lambda: "my-app")
        monkeypatch.setattr(sys, "argv", ["kit", "status", "--stage", stage])
        code = command.main()
        output = capsys.readouterr()
        return output.out if code == 0 else output.err

    return call


def row(page: str, name: str) -> list[str]:
    [words] = [line.split() for line in page.splitlines() if line.split()[:1] == [name]]
    return words[1:]


def test_the_status_fits_on_one_screen(aws: Any, status: Any) -> None:
    code = aws.client("lambda").get_function(FunctionName=f"{PREFIX}-web", Qualifier="live")["Code"]
    page = status()
    assert len(page.splitlines()) <= 24
    assert max(map(len, page.splitlines())) <= 120
    assert "execute-api" in row(page, "address")[0]
    assert row(page, "image") == [code["ResolvedImageUri"].rpartition("@")[2]]
    assert " ".join(row(page, "web")).startswith("version 1, published")
    assert row(page, "jobs")[-3:] == ["1024", "MB,", "arm64"]


@pytest.mark.parametrize(
    ("environments", "line"),
    [
        (10, "this account runs 10 environments at once, and answers at most 100 requests a second"),
        (None, "unknown. Access denied: your role lacks lambda:GetAccountSettings"),
    ],
)
def test_the_capacity_of_the_account_is_shown(
    status: Any, monkeypatch: pytest.MonkeyPatch, environments: int | None, line: str
) -> None:
    moto_stage.quota(monkeypatch, environments)
    page = status()
    assert line in " ".join(row(page, "capacity"))
    assert "queue" in page


def test_waiting_and_dead_jobs_are_counted(aws: Any, status: Any) -> None:
    sqs = aws.client("sqs")
    for name, number in ((f"{PREFIX}-default", 3), (f"{PREFIX}-default-dead", 2)):
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        for _ in range(number):
            sqs.send_message(QueueUrl=url, MessageBody="{}")
    assert row(status(), "default") == ["3", "0", "0", "2"]


def test_schedules_show_their_last_and_next_run(aws: Any, status: Any) -> None:
    ran = {"message": "job succeeded", "job": "app.jobs.prune", "schedule": "prune"}
    write(aws, "jobs", ran, ago=7200)
    write(aws, "jobs", "REPORT RequestId: 1", {"message": "GET /"}, ago=60)
    page = status()
    assert row(page, "prune")[-4:] == ["2", "h", "ago:", "succeeded"]
    assert row(page, "kit-sweep")[-4:] == ["in", "5", "min", "-"] or row(page, "kit-sweep")[-4:-1] == ["in", "4", "min"]
    assert "delayed past 15 minutes: 1" in page
    assert "0123456789abcdef" not in page


def test_a_preview_has_no_alarms_that_anybody_could_miss() -> None:
    account = Account("123456789012", "arn:aws:iam::123456789012:user/me", "eu-central-1", boto3.Session())
    preview = Status(account, Stage("my-app", "preview12"), datetime.now(UTC))
    assert list(preview._alarms()) == ["  alarms     none, as for every preview"]


def test_only_this_stages_alarms_count(aws: Any, status: Any) -> None:
    assert "none of 2 in ALARM" in status()
    for name in ("default-dead", "x-api-5xx"):
        aws.client("cloudwatch").set_alarm_state(AlarmName=f"{PREFIX}-{name}", StateValue="ALARM", StateReason="-")
    page = status()
    assert "1 of 2 in ALARM" in page
    assert row(page, "default-dead")[0] == "since"


def test_the_recipient_of_alarms_is_shown(aws: Any, status: Any) -> None:
    assert 'NOT SENT TO ANYONE. Set AlarmEmail = "me@example.com" in infra/sam/stages/prod.toml' in status()
    sns = aws.client("sns")
    topic = f"arn:aws:sns:{moto_stage.REGION}:123456789012:{PREFIX}-alarms"
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="me@example.com")
    page = status()
    assert "sent to me@example.com" in page
    assert "NOT SENT" not in page


def test_an_unconfirmed_recipient_is_marked(aws: Any, status: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in SNS until the link is opened; moto confirms every address."""
    monkeypatch.setattr(Status, "recipients", lambda _: {"me@example.com": False})
    assert "NOT SENT: me@example.com has not confirmed the link" in status()


def test_a_stage_without_a_topic_has_no_recipients(aws: Any, status: Any) -> None:
    aws.client("sns").delete_topic(TopicArn=f"arn:aws:sns:{moto_stage.REGION}:123456789012:{PREFIX}-alarms")
    assert "NOT SENT TO ANYONE" in status()


def test_running_tasks_are_listed_and_many_are_counted(aws: Any, status: Any) -> None:
    assert "none on Fargate" in status()
    for number in range(7):
        start_task(aws, f"one-off/{number}")
    page = status()
    assert "7 on Fargate" in page
    assert page.count("one-off/") == 5
    assert "and 2 more" in page


def test_a_missing_stage_is_reported_with_the_existing_ones(status: Any) -> None:
    output = status("test")
    assert "Nothing is deployed as my-app-test in eu-central-1" in output
    assert "Existing stages: prod" in output
