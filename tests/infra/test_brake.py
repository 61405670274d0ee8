"""The brake: a message of AWS Budgets closes it, one command opens it, and no deployment opens it unasked. AWS is moto."""

import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import moto_stage
import pytest

from kit import aws
from kit.aws_lambda import brake
from kit.cli import main as command
from kit.ops import aws_account, deploy, health_check, iac, throttle
from kit.ops.iac import Settings
from kit.ops.stage import Stage
from kit.ops.throttle import CLOSED, Throttle

STAGE = Stage("my-app", "prod")
SETTINGS = Settings(database_secret="/my-app/prod/database-url", throttle_rate=70, throttle_burst=90, budget_brake=50)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, app: Path) -> Iterator[aws_account.Account]:
    monkeypatch.setattr("kit.ops.stage.project_name", lambda: "my-app")
    monkeypatch.setattr(iac, "PROJECT", app)
    monkeypatch.setattr(iac, "settings", lambda stage: SETTINGS)
    with moto_stage.running(monkeypatch):
        yield aws_account.account()


@pytest.fixture
def make_brake(
    account: aws_account.Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """Runs `make brake` and returns what it prints."""

    def run(*options: str) -> str:
        monkeypatch.setattr(sys, "argv", ["kit", "brake", *options])
        code = command.main()
        output = capsys.readouterr()
        return output.out if code == 0 else output.err

    return run


def test_a_message_of_aws_budgets_closes_it_with_the_request_that_boto3_would_send(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[tuple[str, str, Any]] = []

    class Server(BaseHTTPRequestHandler):
        def do_PATCH(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            sent.append((self.command, self.path, json.loads(body)))
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        for name, value in {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
            "BRAKE_API": "a1b2c3",
        }.items():
            monkeypatch.setenv(name, value)
        brake.handler({"Records": [{"Sns": {"Message": "AWS Budget Notification"}}]}, None)
        boto3.client("apigatewayv2", region_name="eu-central-1").update_stage(
            ApiId="a1b2c3",
            StageName="$default",
            DefaultRouteSettings={"ThrottlingRateLimit": 0, "ThrottlingBurstLimit": 0},
        )
        aws.close()
        server.shutdown()
    assert sent[0] == sent[1]


def test_it_is_shown_closed_and_opened_by_one_command(account: aws_account.Account, make_brake: Any) -> None:
    assert make_brake() == "open: the API accepts 40 requests a second, and 80 at once\n"
    assert "Add YES=1: make brake CLOSE=1 STAGE=prod YES=1" in make_brake("--close")
    closed = "CLOSED: the API refuses all requests. Open it: make brake OPEN=1 STAGE=prod\n"
    assert make_brake("--close", "--yes") == make_brake() == closed
    assert throttle.read(account, STAGE) == CLOSED
    page = make_brake("--open")
    assert "open: the API accepts 70 requests a second, and 90 at once" in page
    assert "AWS Budgets closes it again in another month" in page
    assert throttle.read(account, STAGE) == Throttle(70, 90)


def test_a_stage_that_does_not_exist_and_one_that_is_closed_by_its_settings_are_explained(
    make_brake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "my-app-test has no HTTP API. Deploy it: make deploy STAGE=test" in make_brake("--stage", "test")
    make_brake("--close", "--yes")
    monkeypatch.setattr(iac, "settings", lambda stage: Settings(database_secret="", throttle_rate=0))
    assert "have a throttle_rate of 0" in make_brake("--open")


def test_the_status_shows_only_a_closed_one(
    account: aws_account.Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["kit", "status"])
    command.main()
    assert "brake" not in capsys.readouterr().out
    throttle.write(account, STAGE, CLOSED)
    command.main()
    assert "  brake      CLOSED: the API refuses all requests. Open it: make brake OPEN=1" in capsys.readouterr().out


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_a_deployment_leaves_it_as_it_is(
    account: aws_account.Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], closed: bool
) -> None:
    applied: list[dict[str, str]] = []
    asked: list[str] = []
    monkeypatch.setattr(iac, "run", lambda *_, **variables: applied.append(variables))
    monkeypatch.setattr(health_check, "check_address", lambda address, target: asked.append(address))
    monkeypatch.setattr(health_check, "is_public", lambda address: True)
    deployment = deploy.Deployment(account, deploy.Plan(STAGE, closed=closed), SETTINGS)
    deployment.apply("image", keep=[])
    assert applied[0].get("THROTTLE") == ("0" if closed else None)
    monkeypatch.setattr(deployment, "releases", type("Record", (), {"history": list, "activate": lambda *_: None})())
    deployment.shift_traffic(deploy.Release("7", "6"))
    assert bool(asked) != closed  # which a closed brake would answer with a 429
    assert ("make brake OPEN=1" in capsys.readouterr().out) == closed


def test_a_deployment_says_beforehand_that_it_stays_closed_or_when_it_closes() -> None:
    assert "stays CLOSED" in deploy._brake(SETTINGS, deploy.Plan(STAGE, closed=True))
    assert "exceeds 50 USD, half a day late" in deploy._brake(SETTINGS, deploy.Plan(STAGE))
    assert deploy._brake(SETTINGS, deploy.Plan(Stage("my-app", "preview12"))) == ""
