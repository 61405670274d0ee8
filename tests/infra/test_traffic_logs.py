"""`make cost STAGE=…` measures requests per visit and times in the stage's own logs. CloudWatch Logs is moto's."""

import json
import sys
from typing import Any

import moto_stage
import pytest
from botocore.exceptions import ClientError
from moto_stage import write

from kit.cli import main as command
from kit.ops import log_tail, retry


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(retry.time, "sleep", lambda _: None)
    monkeypatch.setattr("kit.ops.stage.project_name", lambda: "my-app")
    with moto_stage.running(monkeypatch) as session:
        yield session


@pytest.fixture
def notes_of(aws: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*options: str) -> tuple[dict[str, str], str]:
        monkeypatch.setattr(sys, "argv", ["kit", "cost", "--stage", "prod", *options])
        assert command.main() == 0
        notes = capsys.readouterr().err
        assumptions = [line.split()[:2] for line in notes.splitlines() if line.startswith("  --")]
        return {name: value for name, value in assumptions}, notes

    return run


def visit(aws: Any, *, polls: int) -> None:
    request = {"message": "GET /", "status": 200, "ms": 40.0, "request_id": "a1"}
    write(aws, "web", request, *[request | {"message": "GET /messages", "ms": 10.0}] * polls, ago=60)


def test_requests_per_visit_and_times_are_measured_and_options_take_precedence(aws: Any, notes_of: Any) -> None:
    visit(aws, polls=3)
    visit(aws, polls=4)
    write(aws, "web", {"message": "GET /", "status": 503, "ms": 50.0}, "REPORT RequestId: a1", ago=60)
    write(aws, "jobs", {"message": "job succeeded", "job": "app.jobs.draw", "ms": 700.0}, ago=50)
    values, notes = notes_of()
    # Ten requests of two visits that were answered; polls are among them, and so none is added.
    assert {name: values[name] for name in ("--requests", "--poll-seconds", "--viral-poll-seconds", "--jobs")} == {
        "--requests": "5",
        "--poll-seconds": "0",
        "--viral-poll-seconds": "0",
        "--jobs": "0.5",
    }
    assert (values["--ms"], values["--job-ms"]) == ("20", "700")
    assert 0.05 < float(values["--log-kb"]) < 0.3
    assert "Measured by the last day's logs of my-app-prod (visits: 2, requests: 10, jobs: 1): ms 20," in notes
    assert notes_of("--requests", "7")[0]["--requests"] == "7"


def test_behind_a_cdn_the_logs_tell_times_but_no_visits(aws: Any, notes_of: Any) -> None:
    names = {"domain": "d1.cloudfront.net", "host": "d1.cloudfront.net", "id": "E1"}
    aws.client("ssm").put_parameter(Name="/my-app/prod/distribution", Value=json.dumps(names), Type="String")
    visit(aws, polls=3)
    values, notes = notes_of()
    assert (values["--requests"], values["--ms"]) == ("2", "17.5")
    assert "with cdn = pay-as-you-go" in notes and "visits:" not in notes


def test_without_logs_or_the_right_to_read_them_the_assumptions_stay(
    aws: Any, notes_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, notes = notes_of()
    assert values["--requests"] == "2"
    assert "Nothing is measured: the logs of my-app-prod have no request of the last day." in notes

    def denied(*_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no logs:FilterLogEvents"}}, "x")

    monkeypatch.setattr(log_tail.LogTail, "_read_page", denied)
    values, notes = notes_of()
    assert values["--requests"] == "2"
    assert "Nothing is measured: can't read the logs of my-app-prod. " in notes
