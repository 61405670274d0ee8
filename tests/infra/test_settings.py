"""The settings that `make deploy` reads before a stage exists, and Terraform's order of commands."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from apps import render
from tools import environment, require_provider

import parts
from kit.errors import UsageError
from kit.ops import iac as tool
from kit.ops.stage import Stage

NEEDS = {"sam": "make", "cdk": "make", "terraform": "terraform"}
CONTEXT = {
    "project": "my-app",
    "region": "us-east-1",
    "stages": {
        "test": {
            "architecture": "x86_64",
            "database_url_secret": "/elsewhere/url",
            "alarm_email": "me@example.com",
            "monthly_budget": 7,
            "budget_brake": 50,
            "vpc_id": "vpc-1",
            "subnet_ids": "subnet-1,subnet-2",
            "web_memory": 1769,
            "dashboard": True,
        }
    },
}
OWN = {
    "sam": (
        "infra/sam/stages/test.toml",
        'Architecture = "x86_64"\nDatabaseUrlSecret = "/elsewhere/url"\nAlarmEmail = "me@example.com"\nMonthlyBudget = 7\nBudgetBrake = 50\n'
        + 'VpcId = "vpc-1"\nSubnetIds = "subnet-1,subnet-2"\nWebMemory = 1769\nDashboard = "true"\n',
    ),
    "cdk": ("infra/cdk/cdk.json", json.dumps({"context": CONTEXT})),
    "terraform": (
        "infra/terraform/test.tfvars",
        'architecture = "x86_64"\ndatabase_url_secret = "/elsewhere/url"\nalarm_email = "me@example.com"\n'
        + 'monthly_budget = 7\nbudget_brake = 50\nvpc_id = "vpc-1"\nsubnet_ids = ["subnet-1", "subnet-2"]\nweb_memory = 1769\ndashboard = true\n',
    ),
}


def make(app: Path, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    environ = environment() | {"CI": ""} | changes
    done = subprocess.run(
        ["make", "--no-print-directory", *words], cwd=app, env=environ, capture_output=True, text=True, timeout=240
    )
    require_provider(done.stdout + done.stderr)
    return done


@pytest.mark.parametrize("iac", NEEDS)
def test_a_stage_without_settings_has_the_defaults(tmp_path: Path, iac: str) -> None:
    parts.program(NEEDS[iac])
    app = render(tmp_path / "my-app", iac=iac)
    done = make(app, "infra-settings", "STAGE=new1")
    assert tool.read_settings(done.stdout, Stage("my-app", "new1")) == tool.Settings(
        database_secret="/my-app/new1/database-url"
    )


@pytest.mark.parametrize("iac", NEEDS)
def test_a_stage_has_its_own_settings(tmp_path: Path, iac: str) -> None:
    parts.program(NEEDS[iac])
    app = render(tmp_path / "my-app", iac=iac)
    file, text = OWN[iac]
    app.joinpath(file).write_text(text, encoding="utf-8")
    done = make(app, "infra-settings", "STAGE=test")
    assert tool.read_settings(done.stdout, Stage("my-app", "test")) == tool.Settings(
        architecture="x86_64",
        database_secret="/elsewhere/url",
        alarm_email="me@example.com",
        monthly_budget=7,
        budget_brake=50,
        vpc_id="vpc-1",
        subnet_ids=("subnet-1", "subnet-2"),
        web_memory=1769,
        dashboard=True,
    )
    other = make(app, "infra-settings", "STAGE=prod")
    assert tool.read_settings(other.stdout, Stage("my-app", "prod")) == tool.Settings(
        database_secret="/my-app/prod/database-url"
    )


@pytest.mark.parametrize(
    ("iac", "values", "sentence"),
    [
        ("cdk", {"cdn": "on"}, "cdn is 'on'. Choose one of off, pay-as-you-go, free."),
        (
            "cdk",
            {"cdn": "free", "domain_name": "wall.example.com", "certificate_arn": ""},
            "a certificate_arn in us-east-1",
        ),
        ("terraform", {"cdn": "on"}, "Choose off, pay-as-you-go or free for cdn."),
    ],
    ids=lambda value: ",".join(value.values()) if isinstance(value, dict) else "",
)
def test_a_cdn_that_there_is_not_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, iac: str, values: dict[str, str], sentence: str
) -> None:
    """SAM's settings are checked by `make deploy`: tests/infra/test_cdn.py."""
    parts.program(NEEDS[iac])
    app = render(tmp_path / "my-app", iac=iac)
    if iac == "cdk":
        text = json.dumps({"context": {"project": "my-app", "region": "us-east-1", "stages": {"test": values}}})
        app.joinpath("infra/cdk/cdk.json").write_text(text)
    else:
        text = "".join(f'{name} = "{value}"\n' for name, value in values.items())
        app.joinpath("infra/terraform/test.tfvars").write_text(text)
    monkeypatch.setattr(tool, "PROJECT", app)
    with pytest.raises(UsageError) as error:
        tool.settings(Stage("my-app", "test"))
    assert sentence in " ".join(re.sub(r"\x1b\[\d*m|│", "", str(error.value)).split())


IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/my-app-test@sha256:" + "1" * 64
NOWHERE = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_MAX_ATTEMPTS": "1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}
"""The real provider must not reach AWS."""


def state(app: Path, stage: str) -> set[str]:
    """The resources in Terraform's state of a stage."""
    file = app / f"infra/terraform/terraform.tfstate.d/{stage}/terraform.tfstate"
    content = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {"resources": []}
    return {f"{one['type']}.{one['name']}" for one in content["resources"] if one["mode"] == "managed"}


def test_terraform_creates_the_repository_first_and_keeps_stages_apart(tmp_path: Path) -> None:
    """With a fake provider, this tests the order of the commands only."""
    parts.program("terraform")
    app = render(tmp_path / "my-app", iac="terraform")
    people = [app / "infra" / "terraform" / name for name in ("notes.txt", "test.tfvars", "prod.tfvars")]
    for path in people:
        path.write_text("# mine\n")
    for words in (["infra-image"], ["infra-apply", f"IMAGE={IMAGE}", "VPC_ID=vpc-1", "SUBNET_IDS=subnet-1,subnet-2"]):
        done = make(app, *words, "STAGE=test", **NOWHERE)
        if "127.0.0.1:9" in done.stdout + done.stderr:
            pytest.skip("needs a provider that makes things up: this is the real one, which asks AWS")
        assert done.returncode == 0, done.stdout + done.stderr
        if words == ["infra-image"]:
            assert state(app, "test") == {"aws_ecr_repository.this"}
    assert {"aws_lambda_alias.web", "aws_lambda_alias.jobs", "aws_ecs_task_definition.this"} <= state(app, "test")
    assert state(app, "prod") == set()
    done = make(app, "infra-destroy", "STAGE=test", **NOWHERE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert state(app, "test") == set()
    assert [path.read_text() for path in people] == ["# mine\n"] * 3


def mirror(folder: Path) -> dict[str, str]:
    """On a machine whose mirror of providers is a folder: what makes Terraform lock those of a copy, for each platform.

    `terraform providers lock` asks the registry, whatever provider_installation says, and a mirror has one platform.
    """
    config = Path(os.environ.get("TF_CLI_CONFIG_FILE", "/nowhere"))
    found = re.search(r'filesystem_mirror \{\s*path\s*= "(.*)"', config.read_text() if config.is_file() else "")
    if not found:
        return {}
    copy = folder / "mirror"
    shutil.copytree(found[1], copy)
    for provider in list(copy.glob("*/*/*/*/linux_amd64")):
        for platform in ("linux_arm64", "darwin_amd64", "darwin_arm64"):
            shutil.copytree(provider, provider.with_name(platform))
            provider.with_name(platform).joinpath("platform").write_text(platform)
    return {"TF_CLI_ARGS_providers_lock": f"-fs-mirror={copy}"}


def test_terraform_takes_only_locked_providers_and_needs_a_backend_in_a_pipeline(tmp_path: Path) -> None:
    parts.program("terraform")
    app = render(tmp_path / "my-app", iac="terraform")
    lock = app / "infra/terraform/.terraform.lock.hcl"
    misfit = "run make infra-lock, and commit .terraform.lock.hcl"
    done = make(app, "infra-check", CI="true")
    assert done.returncode != 0
    assert "has no infra/terraform/.terraform.lock.hcl. Run make infra-lock, and commit it." in done.stdout
    done = make(app, "infra-lock", **mirror(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    locked = lock.read_text()
    assert locked.count('"h1:') == 4  # two systems on two processors
    for unfit in ("", locked.replace('"h1:', '"h1:x')):
        lock.write_text(unfit)
        done = make(app, "infra-check", CI="true")
        assert (done.returncode != 0, misfit in done.stdout) == (True, True), done.stdout
        assert lock.read_text() == unfit  # a pipeline takes no other provider, and writes no lock of its own
    lock.write_text(locked)
    done = make(app, "infra-check", CI="true")
    assert done.returncode == 0, done.stdout + done.stderr
    done = make(app, "infra-settings", CI="true")
    assert done.returncode != 0
    assert "No backend is configured" in done.stdout
    app.joinpath("infra/terraform/backend.tf").write_text('terraform {\n  backend "local" {}\n}\n', encoding="utf-8")
    done = make(app, "infra-settings", CI="true")
    assert done.returncode == 0, done.stdout + done.stderr
