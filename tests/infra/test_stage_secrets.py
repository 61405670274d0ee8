"""A stage's secrets: stored beside each other, listed without being read, and required by a deployment."""

import argparse
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from kit import settings, stage_file
from kit.base_settings import BaseSettings, secret, setting
from kit.errors import UsageError
from kit.ops import aws_account, stage_settings
from kit.ops import secret as command
from kit.ops.aws_account import Account
from kit.ops.stage import Stage
from kit.ops.stage_secrets import MAX_BYTES, StageSecrets

PARAMETER = "/my-app/prod/secrets"
VALUE = "canary-sk_live_51H"


def no_spaces(text: str) -> str:
    if " " in text:
        raise ValueError("it has a space")
    return text


class App(BaseSettings):
    """An app's settings."""

    stripe_key: str = secret("the key of the payment provider's API")
    mail_key: str = secret("the key of the mail provider's API", parse=no_spaces)
    map_key: str = secret("the key of the map's API", default="")
    pin: int = secret("the safe's number", default=0)
    session_keys: tuple[str, ...] = secret("the keys of sessions", parse=settings.names, generate=True)
    keep_days: int = setting("how long messages are kept")


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        session = boto3.Session(region_name="us-east-1")
        account = Account("123456789012", "arn:aws:iam::123456789012:user/me", "us-east-1", session)
        monkeypatch.setattr(aws_account, "account", lambda: account)
        monkeypatch.setattr(settings, "of_app", App)
        monkeypatch.setattr(Stage, "of", lambda name: Stage("my-app", name))
        yield account


@pytest.fixture
def ssm(account: Account) -> Any:
    return account.session.client("ssm")


@pytest.fixture
def secrets(ssm: Any) -> StageSecrets:
    return StageSecrets(ssm, Stage("my-app", "prod"))


def stored(ssm: Any) -> dict[str, str]:
    parameter = ssm.get_parameter(Name=PARAMETER, WithDecryption=True)["Parameter"]
    assert parameter["Type"] == "SecureString"
    values: dict[str, str] = json.loads(parameter["Value"])
    return values


def run(*words: str, stdin: str = "", monkeypatch: pytest.MonkeyPatch) -> None:
    """Run `make secret` or `make secrets`."""
    parser = argparse.ArgumentParser()
    command.register(parser.add_subparsers())
    arguments = parser.parse_args(words)
    monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
    arguments.run(arguments)


def test_a_secret_is_stored_beside_the_others(ssm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run("secret", "--name", "STRIPE_KEY", stdin=f"{VALUE}\n", monkeypatch=monkeypatch)
    run("secret", "--name", "MAIL_KEY", stdin="other", monkeypatch=monkeypatch)
    run("secret", "--name", "MAIL_KEY", stdin="newer", monkeypatch=monkeypatch)
    assert stored(ssm) == {"STRIPE_KEY": VALUE, "MAIL_KEY": "newer"}


def test_a_longer_one_is_read_from_a_file(ssm: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "key.pem"
    file.write_text("-----BEGIN KEY-----\nabc\n-----END KEY-----\n")
    run("secret", "--name", "STRIPE_KEY", "--file", str(file), monkeypatch=monkeypatch)
    assert stored(ssm)["STRIPE_KEY"] == file.read_text().strip()


def test_neither_output_nor_tags_have_the_value(
    ssm: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run("secret", "--name", "STRIPE_KEY", stdin=VALUE, monkeypatch=monkeypatch)
    run("secrets", monkeypatch=monkeypatch)
    output = capfd.readouterr()
    tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=PARAMETER)
    assert VALUE not in output.out + output.err + str(tags) + str(ssm.describe_parameters())


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("STRIPE_KYE", VALUE, "declares no secret STRIPE_KYE. Did you mean STRIPE_KEY?"),
        ("stripe_key", VALUE, "declares no secret stripe_key. Did you mean STRIPE_KEY?"),
        ("OTHER", VALUE, "declares no secret OTHER. Declared: STRIPE_KEY, MAIL_KEY, MAP_KEY, PIN, SESSION_KEYS"),
        ("KEEP_DAYS", "1", "declares no secret KEEP_DAYS"),
        ("DATABASE_URL", "mysql://…", "make secret"),
        ("STRIPE_KEY", " \n", "is empty"),
        ("MAIL_KEY", f"{VALUE} and more", "it has a space"),
        ("PIN", VALUE, "its value has the wrong type"),
    ],
)
def test_an_invalid_secret_is_not_stored(
    ssm: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str
) -> None:
    with pytest.raises(UsageError) as failure:
        run("secret", "--name", name, stdin=value, monkeypatch=monkeypatch)
    assert problem in str(failure.value)
    assert VALUE not in str(failure.value)
    assert ssm.describe_parameters()["Parameters"] == []


def test_secrets_that_do_not_fit_are_refused(ssm: Any, secrets: StageSecrets) -> None:
    secrets.store("STRIPE_KEY", "x" * 4000)
    with pytest.raises(UsageError, match="Nothing was stored"):
        secrets.store("MAIL_KEY", "x" * (MAX_BYTES - 4000))
    assert stored(ssm) == {"STRIPE_KEY": "x" * 4000}


def test_the_list_says_what_is_stored_missing_and_no_longer_declared(
    secrets: StageSecrets, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets.store("STRIPE_KEY", VALUE)
    secrets.store("OLD_KEY", VALUE)
    run("secrets", monkeypatch=monkeypatch)
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["STRIPE_KEY"].startswith("stored on 20")
    assert lines["MAIL_KEY"] == "missing; store it: make secret NAME=MAIL_KEY STAGE=prod"
    assert lines["MAP_KEY"] == "not stored"
    assert lines["SESSION_KEYS"] == "generated by the next deployment"
    assert lines["OLD_KEY"] == "no longer declared; delete it: make secret NAME=OLD_KEY DELETE=1 STAGE=prod"


def test_a_secret_is_deleted_alone(ssm: Any, secrets: StageSecrets, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets.store("STRIPE_KEY", VALUE)
    secrets.store("OLD_KEY", VALUE)
    run("secret", "--name", "OLD_KEY", "--delete", monkeypatch=monkeypatch)
    assert stored(ssm) == {"STRIPE_KEY": VALUE}
    assert list(secrets.names()) == ["STRIPE_KEY"]


def test_a_deployment_generates_a_key_once(account: Account, ssm: Any) -> None:
    assert stage_settings.generate(account, Stage("my-app", "prod")) == ["SESSION_KEYS"]
    key = stored(ssm)["SESSION_KEYS"]
    assert len(key) >= 43
    assert stage_settings.generate(account, Stage("my-app", "prod")) == []
    assert stored(ssm)["SESSION_KEYS"] == key


def test_a_rotation_keeps_the_key_before(account: Account, ssm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stage_settings.generate(account, Stage("my-app", "prod"))
    first = stored(ssm)["SESSION_KEYS"]
    run("secret", "--name", "SESSION_KEYS", "--rotate", monkeypatch=monkeypatch)
    second, kept = stored(ssm)["SESSION_KEYS"].split(",")
    assert kept == first
    run("secret", "--name", "SESSION_KEYS", "--rotate", monkeypatch=monkeypatch)
    assert stored(ssm)["SESSION_KEYS"].split(",")[1:] == [second]


def test_a_secret_that_somebody_else_issues_is_not_rotated(ssm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="can't be rotated"):
        run("secret", "--name", "STRIPE_KEY", "--rotate", monkeypatch=monkeypatch)


class Interrupted:
    """SSM, where someone else writes between our reading and our writing."""

    def __init__(self, ssm: Any) -> None:
        self.ssm = ssm
        self.interrupted = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ssm, name)

    def put_parameter(self, **parameter: Any) -> Any:
        if not self.interrupted:
            self.interrupted = True
            StageSecrets(self.ssm, Stage("my-app", "prod")).store("MAIL_KEY", "theirs")
        return self.ssm.put_parameter(**parameter)


@pytest.mark.parametrize("before", [{}, {"MAP_KEY": "old"}])
def test_two_people_who_store_at_once_lose_nothing(ssm: Any, secrets: StageSecrets, before: dict[str, str]) -> None:
    for name, value in before.items():
        secrets.store(name, value)
    StageSecrets(Interrupted(ssm), Stage("my-app", "prod")).store("STRIPE_KEY", "ours")
    assert stored(ssm) == {**before, "STRIPE_KEY": "ours", "MAIL_KEY": "theirs"}


@pytest.fixture
def stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the stages' settings files."""
    monkeypatch.setattr(stage_settings, "PROJECT", tmp_path)
    folder = tmp_path / stage_file.FOLDER
    folder.mkdir(parents=True)
    stage_file.read.cache_clear()
    yield folder
    stage_file.read.cache_clear()


def test_a_deployment_names_everything_that_its_stage_lacks(account: Account, stages: Path) -> None:
    with pytest.raises(UsageError) as failure:
        stage_settings.require(account, Stage("my-app", "prod"))
    message = str(failure.value)
    assert "make secret NAME=STRIPE_KEY STAGE=prod" in message
    assert "make secret NAME=MAIL_KEY STAGE=prod" in message
    assert "Add a line to app/stages/prod.env: KEEP_DAYS=…" in message
    assert "MAP_KEY" not in message


def test_a_deployment_begins_once_nothing_is_missing(account: Account, stages: Path, secrets: StageSecrets) -> None:
    secrets.store("STRIPE_KEY", VALUE)
    secrets.store("MAIL_KEY", VALUE)
    stages.joinpath("prod.env").write_text("KEEP_DAYS=1\n")
    stage_settings.require(account, Stage("my-app", "prod"))
