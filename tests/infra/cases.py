"""Test cases: the same settings for each of the three tools, and the system that each describes."""

import json
import subprocess
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Protocol

import cloudformation
import terraform
from apps import render
from normalize import ACCOUNT, AwsNames
from tools import MANIFEST, TOOLS_CACHE, WITH_EVENTS, environment, require_provider

import guides
import parts
from canary import CANARY
from once import once
from rendering import TEMPLATE

CDK = "aws-cdk@2.1148.1"
SAM = ("run", "--quiet", "--locked", "--script", str(TEMPLATE / "kit/tools/sam.py"), "python")
"""Python with SAM's command line, from one place for all cases, because uv keeps an environment for each."""
DIGEST = "sha256:" + "a" * 64
OURS = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Case:
    """Settings by their names in Terraform."""

    name: str
    region: str = "us-east-1"
    project: str = "my-app"
    stage: str = "prod"
    settings: dict[str, Any] = field(default_factory=dict)
    manifest: dict[str, Any] | None = None
    kept_queues: str = ""
    """Queues that are no longer in the manifest, separated by commas."""
    uploads: bool = False
    """Whether the user's own infrastructure has the bucket of kit/docs/guides/uploads.md."""

    @property
    def resource_prefix(self) -> str:
        return f"{self.project}-{self.stage}"

    @property
    def image(self) -> str:
        return f"{ACCOUNT}.dkr.ecr.{self.region}.amazonaws.com/{self.resource_prefix}@{DIGEST}"

    def app(self, folder: Path, iac: str) -> Path:
        app = render(folder / iac, iac=iac, aws_region=self.region, project_name=self.project)
        app.joinpath(".env").write_text(f"STRIPE_KEY={CANARY}\nDATABASE_URL=mysql://app:{CANARY}@host/app\n")
        if self.manifest:
            app.joinpath("jobs.json").write_text(json.dumps(self.manifest), encoding="utf-8")
        if self.uploads:
            guides.apply_to(app / OWN[iac], page="uploads")
        return app

    @property
    def all_settings(self) -> dict[str, Any]:
        """The settings, with the network that `make deploy` adds."""
        return DEFAULT_NETWORK | self.settings

    def plain(self) -> dict[str, str]:
        """The settings as strings, lists separated by commas."""
        return {
            name: ",".join(value) if isinstance(value, list) else str(value).replace("True", "true")
            for name, value in self.all_settings.items()
        }


OWN = {"cdk": "infra/cdk/own.py", "sam": "infra/sam/own.yaml", "terraform": "infra/terraform/own.tf"}
"""The user's own infrastructure file of each tool."""

DEFAULT_NETWORK = {"vpc_id": "vpc-0d0d0d0d", "subnet_ids": ["subnet-0d0d0d01", "subnet-0d0d0d02"]}
CASES = [
    Case("default"),
    Case(
        "a preview with many queues, queues that are kept",
        manifest=MANIFEST,
        kept_queues="audit,letters.fifo",
        stage="preview12",
        uploads=True,
        settings={
            "dashboard": True,
            "budget_brake": 50,
            "database_url_secret": "arn:aws:secretsmanager:us-east-1:123456789012:secret:my-app/url-a1B2c3",
            "domain_name": "wall.example.com",
            "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/0a1b2c3d-0000-0000-0000-000000000000",
        },
    ),
    Case(
        "everything set",
        region="eu-central-1",
        project="p" * 30,
        stage="production12",
        manifest=WITH_EVENTS,
        settings={
            "architecture": "x86_64",
            "database_url_secret": "/elsewhere/url",
            "web_memory": 1769,
            "web_reserved_concurrency": 50,
            "throttle_rate": 50,
            "throttle_burst": 75,
            "jobs_memory": 2048,
            "jobs_concurrency": 3,
            "task_cpu": 1024,
            "task_memory": 4096,
            "permissions_boundary": "arn:aws:iam::123456789012:policy/my-app-production-boundary",
            "vpc_id": "vpc-0a1b2c3d",
            "subnet_ids": ["subnet-0a0a0a0a", "subnet-0b0b0b0b", "subnet-0c0c0c0c"],
            "domain_name": "wall.example.com",
            "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/0a1b2c3d-0000-0000-0000-000000000000",
            "cdn": "free",
            "web_acl": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/x/0a1b",
            "cdn_cookies": ["theme", "language"],
            "alarm_email": "me@example.com",
            "requests_alarm": 50_000,
            "monthly_budget": 0,
            "budget_brake": 50,
            "dashboard": True,
            "log_retention": 7,
        },
    ),
]
"""They cover each setting with its default and with another value; the last has the longest names."""


class Produced(Protocol):
    """The output of a tool for a case."""

    def describe(self) -> dict[str, Any]: ...

    def sources(self) -> dict[str, tuple[str, dict[str, Any]]]: ...

    def again(self) -> "Produced": ...


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    environ = environment() | {"STRIPE_KEY": CANARY, "DATABASE_URL": f"mysql://app:{CANARY}@host/app"} | variables
    done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=240)
    require_provider(done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    assert CANARY not in done.stdout + done.stderr, "a secret of the laptop is in a template, a plan or a state"
    return done.stdout


def cdk(case: Case, folder: Path) -> list[dict[str, Any]]:
    """The templates that CDK synthesizes."""
    parts.program("npx")
    app = case.app(folder, "cdk")
    values = case.plain() | {"stage": case.stage, "image": case.image, "kept_queues": case.kept_queues}
    context = [word for name, value in values.items() for word in ("-c", f"{name}={value}")]
    here, shared = app / "infra" / "cdk", {"UV_PROJECT_ENVIRONMENT": str(TOOLS_CACHE / "cdk")}
    run("npx", "--yes", CDK, "synth", "--quiet", "--output", "cdk.out", *context, cwd=here, **shared)
    templates = [json.loads(file.read_text()) for file in app.glob("infra/cdk/cdk.out/*.template.json")]
    assert CANARY not in json.dumps(templates)
    assert len(templates) == 2
    return templates


def sam(case: Case, folder: Path) -> list[dict[str, Any]]:
    """The templates of SAM, translated to CloudFormation's."""
    app = case.app(folder, "sam")
    if "cdn" in case.settings:
        app.joinpath(f"infra/sam/stages/{case.stage}.toml").write_text(f'Cdn = "{case.settings["cdn"]}"\n')
    run(app / "uvw", *SAM, "kit/sam/assemble.py", cwd=app, ARG_KEPT_QUEUES=case.kept_queues, ARG_STAGE=case.stage)
    words = [f"{name}={value}" for name, value in sam_parameters(case).items()]
    return [
        json.loads(
            run(
                app / "uvw",
                *SAM,
                OURS / "translate.py",
                app / "infra" / "sam" / template,
                case.region,
                *words,
                cwd=app,
            )
        )
        for template in ("build/template.yaml", "image.yaml")
    ]


def sam_parameters(case: Case) -> dict[str, str]:
    values = case.plain() | {"project": case.project, "stage": case.stage, "image": case.image}
    return {"".join(word.title() for word in name.split("_")): value for name, value in values.items()}


def terraform_(case: Case, folder: Path) -> list[dict[str, Any]]:
    """The resources of Terraform's state."""
    parts.program("terraform")
    app = case.app(folder, "terraform")
    here = app / "infra" / "terraform"
    manifest = json.loads(app.joinpath("jobs.json").read_text(encoding="utf-8"))
    manifest["queues"] += [
        {"name": name, "fifo": name.endswith(".fifo")} for name in filter(None, case.kept_queues.split(","))
    ]
    names = AwsNames(case.region)
    secret = f"/{case.project}/{case.stage}/origin-secret"
    text = terraform.mocks(here, manifest, case.resource_prefix, names, uploads=case.uploads, origin_secret=secret)
    here.joinpath("description.tftest.hcl").write_text(text, encoding="utf-8")
    values = case.all_settings | {"stage": case.stage, "image": case.image, "kept_queues": case.kept_queues}
    here.joinpath("given.auto.tfvars.json").write_text(json.dumps(values), encoding="utf-8")
    run("terraform", "init", "-backend=false", "-input=false", cwd=here)
    return terraform.read(run("terraform", "test", "-json", "-verbose", cwd=here))


EACH = {"cdk": cdk, "sam": sam, "terraform": terraform_}


def produced(iac: str, case: Case, output: list[dict[str, Any]]) -> Produced:
    """A tool's output for a case, to be described."""
    if iac == "terraform":
        return terraform.State(output)
    return cloudformation.Stage(output, sam_parameters(case) if iac == "sam" else {}, AwsNames(case.region))


@cache
def build_case(iac: str, index: int) -> Produced:
    """The output of a tool for a case, which runs once for all workers."""
    case = CASES[index]
    output = once(f"{iac}-{index}.json", lambda: json.dumps(EACH[iac](case, Path(mkdtemp()))))
    return produced(iac, case, json.loads(output))


@cache
def describe_case(iac: str, index: int) -> dict[str, Any]:
    """The description of a case by a tool."""
    return deepcopy(build_case(iac, index).describe())
