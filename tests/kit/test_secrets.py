"""The database's URL and the app's secrets from SSM or Secrets Manager: read in one call, which is retried."""

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from kit import aws as kit_aws
from kit import secrets, settings
from kit.aws_lambda import cdn
from kit.db import rotation

URL = "mysql://user:pa55@host/app"
PARAMETER = "/my-app/database-url"
STAGE_SECRETS = "/my-app/prod/secrets"
ORIGIN_SECRET = "/my-app/prod/origin-secret"
MOST_NAMES = 10
"""Of one GetParameters call.

Source: docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html
"""
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:my-app-x1Yz"


class Aws:
    """The two operations of AWS that are asked for; `answers` come first, one a request."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.answers: list[tuple[int, dict[str, Any]]] = []
        self.waits: list[float] = []
        self.parameters = {PARAMETER: URL}

    def answer(self, headers: dict[str, str], body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.requests.append((headers, body))
        if self.answers:
            return self.answers.pop(0)
        if headers["x-amz-target"] == "AmazonSSM.GetParameters" and body["WithDecryption"]:
            return 200, parameters({name: self.parameters.get(name) for name in body["Names"]})
        return 200, {"ARN": body["SecretId"], "SecretString": URL}


def parameters(values: dict[str, str | None]) -> dict[str, Any]:
    """GetParameters' response. Source: docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html"""
    existing = [{"Name": name, "Type": "SecureString", "Value": value} for name, value in values.items() if value]
    return {"Parameters": existing, "InvalidParameters": [name for name, value in values.items() if not value]}


@pytest.fixture
def aws(project: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    behind = Aws()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, said = behind.answer({name.lower(): value for name, value in self.headers.items()}, sent)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
        "AWS_SESSION_TOKEN": "token",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(kit_aws, "sleep", behind.waits.append)
    secrets.forget()
    yield behind
    secrets.forget()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("name", [PARAMETER, SECRET])
def test_the_url_is_read_once_for_a_process(aws: Aws, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("DATABASE_URL_SECRET", name)
    assert settings.current().database_url == URL
    assert settings.current().database_url == URL
    assert len(aws.requests) == 1


@pytest.mark.parametrize("count", [1, 30, 500])
@pytest.mark.parametrize(
    ("database", "calls"),
    [
        (PARAMETER, {"AmazonSSM.GetParameters": 1}),
        (SECRET, {"AmazonSSM.GetParameters": 1, "secretsmanager.GetSecretValue": 1}),
    ],
)
def test_each_kind_of_store_is_called_once_for_any_number_of_secrets(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, count: int, database: str, calls: dict[str, int]
) -> None:
    monkeypatch.setenv("DATABASE_URL_SECRET", database)
    monkeypatch.setenv("APP_SECRETS", STAGE_SECRETS)
    monkeypatch.setenv("ORIGIN_SECRET_PARAMETER", ORIGIN_SECRET)
    aws.parameters[STAGE_SECRETS] = json.dumps({f"SECRET_{number}": "x" for number in range(count)})
    aws.parameters[ORIGIN_SECRET] = "of the CDN"
    reads = (settings.current, secrets.of_stage, lambda: cdn.OriginSecret(ORIGIN_SECRET))
    threads = [threading.Thread(target=read) for read in reads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert secrets.of_stage() == {f"SECRET_{number}": "x" for number in range(count)}
    assert settings.current().database_url == URL
    assert cdn.OriginSecret(ORIGIN_SECRET).matches("of the CDN")
    assert Counter(headers["x-amz-target"] for headers, _ in aws.requests) == calls
    assert all(len(body.get("Names", [])) <= MOST_NAMES for _, body in aws.requests)


LOAD = "from kit.coldstart import build_bytecode_pack; build_bytecode_pack.load()"


@pytest.mark.parametrize(("on_lambda", "handler"), [(False, ""), (True, "web"), (True, "jobs")])
def test_secrets_are_read_by_a_start_but_never_while_the_image_is_built(
    aws: Aws, app: Path, on_lambda: bool, handler: str
) -> None:
    aws.parameters |= {STAGE_SECRETS: "{}", ORIGIN_SECRET: "of the CDN"}
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DATABASE")}
    environ |= {"PYTHONPATH": str(app / "kit/src"), "APP_STAGE": "prod", "APP_SECRETS": STAGE_SECRETS}
    environ |= {"DATABASE_URL_SECRET": PARAMETER, "ORIGIN_SECRET_PARAMETER": ORIGIN_SECRET, "BYTECODE_PACK": "off"}
    environ |= {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9"} if on_lambda else {}
    code = f"import kit.aws_lambda.{handler}" if on_lambda else LOAD
    done = subprocess.run([sys.executable, "-c", code], cwd=app, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(aws.requests) == on_lambda


def test_a_stage_without_secrets_has_none(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_SECRETS", "/my-app/prod/secrets")
    assert secrets.of_stage() == {}


def test_a_laptop_has_no_stage_and_asks_nobody(aws: Aws) -> None:
    assert secrets.of_stage() == {}
    assert aws.requests == []


@pytest.mark.parametrize("text", ["hunter2", '["hunter2"]'])
def test_a_parameter_that_make_secret_did_not_write_is_not_repeated(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("APP_SECRETS", "/my-app/prod/secrets")
    aws.parameters["/my-app/prod/secrets"] = text
    with pytest.raises(secrets.SecretUnavailable, match="not a JSON object") as failure:
        secrets.of_stage()
    assert "hunter2" not in str(failure.value)


def test_a_url_that_is_set_needs_no_secret(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite://")
    monkeypatch.setenv("DATABASE_URL_SECRET", PARAMETER)
    assert settings.current().database_url == "sqlite://"
    assert aws.requests == []


def test_throttling_is_waited_out_a_little_longer_each_time(aws: Aws) -> None:
    aws.answers = [(400, {"__type": "ThrottlingException", "message": "Rate exceeded"})] * 3 + [(500, {})]
    assert secrets.read(PARAMETER) == URL
    assert len(aws.waits) == 4
    assert all(0 <= wait <= 0.1 * 2**attempt for attempt, wait in enumerate(aws.waits, 1))
    assert len(set(aws.waits)) == 4


@pytest.mark.parametrize(
    ("answer", "reason", "asked"),
    [
        ((200, parameters({PARAMETER: None})), "does not exist", 1),
        ((400, {"__type": "AccessDeniedException", "Message": "not authorized"}), "not authorized", 1),
        ((400, {"__type": "com.amazonaws#ThrottlingException", "message": "Rate exceeded"}), "Rate exceeded", 6),
        ((503, {}), "(503)", 6),
    ],
)
def test_the_start_fails_with_the_name_and_the_reason(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, answer: tuple[int, dict[str, Any]], reason: str, asked: int
) -> None:
    monkeypatch.setenv("DATABASE_URL_SECRET", PARAMETER)
    aws.answers = [answer] * 10
    with pytest.raises(settings.SettingsError) as failure:
        settings.current()
    assert PARAMETER in str(failure.value)
    assert reason in str(failure.value)
    assert len(aws.requests) == asked


def test_a_missing_url_comes_with_the_command_that_stores_it(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL_SECRET", PARAMETER)
    monkeypatch.setenv("APP_STAGE", "test")
    aws.parameters = {}
    with pytest.raises(settings.SettingsError, match=r"/my-app/database-url does not exist.* make secret STAGE=test"):
        settings.current()


def test_a_secret_that_is_no_url_is_never_repeated(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL_SECRET", PARAMETER)
    aws.parameters = {PARAMETER: "hunter2"}
    with pytest.raises(settings.SettingsError) as failure:
        settings.current()
    assert "not a URL" in str(failure.value)
    assert "hunter2" not in str(failure.value)


@pytest.mark.parametrize(("missing", "reason"), [("AWS_REGION", "AWS_REGION"), ("AWS_ACCESS_KEY_ID", "credentials")])
def test_what_is_missing_to_ask_is_named(aws: Aws, monkeypatch: pytest.MonkeyPatch, missing: str, reason: str) -> None:
    monkeypatch.delenv(missing)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(secrets.SecretUnavailable, match=reason):
        secrets.read(PARAMETER)


def test_a_name_of_neither_kind_is_refused() -> None:
    with pytest.raises(secrets.SecretUnavailable, match="neither an SSM parameter"):
        secrets.read("database-url")


def test_an_unreachable_endpoint_is_an_error_that_names_it(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(secrets.SecretUnavailable, match="does not answer"):
        secrets.read(PARAMETER)


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-central-1", "ssm.eu-central-1.amazonaws.com"),
        ("cn-north-1", "ssm.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "ssm.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_each_partition_has_its_own_address(monkeypatch: pytest.MonkeyPatch, region: str, host: str) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert kit_aws.address("ssm", region) == f"https://{host}"


ROTATED = "mysql://other:pa66@host/app"


@pytest.fixture
def stored(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> rotation.StoredUrl:
    """What a process knows that has read the URL at its start."""
    monkeypatch.setenv("DATABASE_URL_SECRET", PARAMETER)
    assert settings.current().database_url == URL
    aws.requests.clear()
    return rotation.StoredUrl()


def test_a_url_that_the_server_refuses_is_read_again_once(aws: Aws, stored: rotation.StoredUrl) -> None:
    aws.parameters[PARAMETER] = ROTATED
    assert [stored.instead_of(URL) for _ in range(3)] == [ROTATED] * 3
    assert [body["Names"] for _, body in aws.requests] == [[PARAMETER]]
    aws.parameters[PARAMETER] = URL
    assert stored.instead_of(ROTATED) == URL, "and when it is rotated again"


def test_one_that_has_not_changed_is_not_asked_for_with_each_connection(
    aws: Aws, stored: rotation.StoredUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [stored.instead_of(URL) for _ in range(3)] == [None] * 3
    assert len(aws.requests) == 1
    aws.parameters[PARAMETER] = ROTATED
    later = time.time() + rotation.PAUSE_SECONDS + 1
    monkeypatch.setattr(rotation.time, "time", lambda: later)
    assert stored.instead_of(URL) == ROTATED


@pytest.mark.parametrize("answer", [(400, {"__type": "AccessDeniedException"}), (200, parameters({PARAMETER: "none"}))])
def test_one_that_cannot_be_read_leaves_the_servers_error(
    aws: Aws, stored: rotation.StoredUrl, caplog: pytest.LogCaptureFixture, answer: Any
) -> None:
    aws.answers.append(answer)
    assert stored.instead_of(URL) is None
    assert "the database refuses its password, and no other one can be read" in caplog.text
    assert settings.current().database_url == URL


def test_a_url_in_a_variable_is_the_only_one(
    aws: Aws, stored: rotation.StoredUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    assert stored.instead_of(URL) is None
    assert aws.requests == []
