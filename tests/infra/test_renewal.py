"""`make secret` of a live stage: a new version of the code that is live reads what is stored, and takes its place."""

import argparse
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import moto_stage
import pytest
import terraform
from cases import CASES, run
from normalize import AwsNames

import parts
from kit.errors import UsageError
from kit.ops import aws_account, health_check, secret, secret_versions
from kit.ops.aws_account import Account
from kit.ops.releases import Release, Releases
from kit.ops.stage import Stage

STAGE = Stage("my-app", "prod")
WEB, JOBS = "my-app-prod-web", "my-app-prod-jobs"


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The versions whose health is checked."""
    versions: list[str] = []
    monkeypatch.setattr(health_check, "check_version", lambda account, stage, number: versions.append(number))
    return versions


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, checked: list[str]) -> Iterator[Account]:
    """The account of a stage whose version 1 is live."""
    with moto_stage.running(monkeypatch) as session:
        arn = "arn:aws:iam::123456789012:user/me"
        account = Account("123456789012", arn, moto_stage.REGION, session)
        monkeypatch.setattr(aws_account, "account", lambda: account)
        monkeypatch.setattr(Stage, "of", lambda name: Stage("my-app", name))
        yield account


def store(monkeypatch: pytest.MonkeyPatch, *, stage: str = "prod") -> None:
    """Run `make secret`."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("mysql://user:password@host/app"))
    arguments = argparse.Namespace(stage=stage, kind="database-url", name="", file="", delete=False, rotate=False)
    secret.run(arguments)


def stamped(session: boto3.Session, function: str, version: str) -> str:
    functions: Any = session.client("lambda")
    configuration = functions.get_function_configuration(FunctionName=function, Qualifier=version)
    return str(configuration["Environment"]["Variables"].get(secret_versions.VARIABLE, ""))


def test_a_stored_secret_reaches_every_new_request(
    account: Account, checked: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    releases = Releases(account, STAGE)
    for number in ("1", "2"):
        store(monkeypatch)
        [live] = releases.history()
        assert [stamped(account.session, WEB, live.web), stamped(account.session, JOBS, live.jobs)] == [number] * 2
    assert checked == ["2", "3"]
    assert live == Release("3", "3")
    assert releases.is_consistent()
    assert "Every new request and job has it." in capsys.readouterr().err


def test_it_takes_the_place_of_the_live_version_so_that_a_rollback_goes_to_the_one_before(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases = Releases(account, STAGE)
    releases.activate([Release("1", "1"), Release("0", "0")])
    store(monkeypatch)
    assert releases.history() == [Release("2", "2"), Release("0", "0")]


def test_what_an_incomplete_deployment_has_applied_does_not_go_live_with_a_secret(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    functions: Any = account.session.client("lambda")
    variables = functions.get_function_configuration(FunctionName=JOBS)["Environment"]["Variables"]
    functions.update_function_configuration(
        FunctionName=JOBS, Environment={"Variables": variables | {"JOBS_TASK_DEFINITION": "the next"}}
    )
    releases = Releases(account, STAGE)
    store(monkeypatch)
    assert releases.history() == [Release("1", "1")]
    assert "Version 1 is live, but something else has been applied since" in capsys.readouterr().err
    new = releases.publish()  # as the next deployment does
    assert stamped(account.session, WEB, new.web) == "1"


def test_nor_does_what_a_deployment_applies_at_the_same_moment(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = Releases.publish

    def publish_later(releases: Releases, description: str) -> Release:
        releases.functions.update_function_configuration(FunctionName=WEB, Environment={"Variables": {"NEW": "1"}})
        return publish(releases, description)

    monkeypatch.setattr(Releases, "publish", publish_later)
    with pytest.raises(UsageError, match="A deployment has begun meanwhile"):
        store(monkeypatch)
    assert Releases(account, STAGE).history() == [Release("1", "1")]


APPLIED = 'variable "versions" {\n  default = "4,2"\n}\n'
ENVIRONMENT = f"""
locals {{
  own_environment = var.versions == "" ? {{}} : {{ {secret_versions.VARIABLE} = var.versions }}
}}
"""
NEXT = f"""
run "next" {{
  command   = plan
  variables {{ versions = "" }}

  assert {{
    condition = alltrue([
      for function in [aws_lambda_function.web, aws_lambda_function.jobs] :
      function.environment[0].variables["{secret_versions.VARIABLE}"] == "4,2"
    ])
    error_message = "the versions are removed"
  }}
}}
"""


def test_terraform_leaves_the_versions_that_it_does_not_know(tmp_path: Path) -> None:
    parts.program("terraform")
    case = next(case for case in CASES if "vpc_id" not in case.settings)
    app = case.app(tmp_path, "terraform")
    here, manifest = app / "infra" / "terraform", json.loads(app.joinpath("jobs.json").read_text(encoding="utf-8"))
    names = AwsNames(case.region)
    mocks = terraform.mocks(here, manifest, case.resource_prefix, names, uploads=False)
    here.joinpath("versions.tftest.hcl").write_text(mocks + NEXT, encoding="utf-8")
    here.joinpath("applied.tf").write_text(APPLIED, encoding="utf-8")
    here.joinpath("own_override.tf").write_text(ENVIRONMENT, encoding="utf-8")
    given = {"stage": case.stage, "image": case.image} | case.all_settings
    here.joinpath("given.auto.tfvars.json").write_text(json.dumps(given), encoding="utf-8")
    run("terraform", "init", "-backend=false", "-input=false", cwd=here)
    assert "2 passed, 0 failed" in run("terraform", "test", cwd=here)


def test_a_version_that_is_not_healthy_with_it_does_not_go_live(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unhealthy(*_: object) -> None:
        raise UsageError("/health of the new version returned: 500")

    monkeypatch.setattr(health_check, "check_version", unhealthy)
    with pytest.raises(
        UsageError, match=r"returned: 500\n\nThe change is stored, and the live version has the earlier"
    ):
        store(monkeypatch)
    assert Releases(account, STAGE).history() == [Release("1", "1")]


def test_a_stage_that_is_not_deployed_has_it_from_its_first_deployment(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store(monkeypatch, stage="test")
    assert "It takes effect with the next deployment." in capsys.readouterr().err


def test_a_secret_of_secrets_manager_counts_too(account: Account) -> None:
    manager: Any = account.session.client("secretsmanager")
    arn = manager.create_secret(Name="database", SecretString="one")["ARN"]
    variables = {"DATABASE_URL_SECRET": arn, "APP_SECRETS": "/my-app/prod/secrets"}
    before = secret_versions.read(account, variables)
    assert before == secret_versions.read(account, variables)
    assert before.endswith(",0"), "the parameter does not exist"
    manager.put_secret_value(SecretId=arn, SecretString="two")
    assert secret_versions.read(account, variables) != before
