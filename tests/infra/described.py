"""The same settings given to each of the three, and what each then describes."""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cloudformation
import terraform
from canonical import ACCOUNT, Place
from manifests import environment, require_provider

import parts
from rendering import render

CDK = "aws-cdk@2.1148.1"
SAM = "aws-sam-cli==1.170.0"
DIGEST = "sha256:" + "a" * 64
OURS = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Case:
    """Settings by their names in Terraform; a list is written with commas where a tool knows none."""

    name: str
    region: str = "us-east-1"
    stage: str = "prod"
    settings: dict[str, Any] = field(default_factory=dict)
    manifest: dict[str, Any] | None = None

    @property
    def called(self) -> str:
        return f"my-app-{self.stage}"

    @property
    def image(self) -> str:
        return f"{ACCOUNT}.dkr.ecr.{self.region}.amazonaws.com/{self.called}@{DIGEST}"

    def app(self, folder: Path, iac: str) -> Path:
        app = render(folder / iac, iac=iac, aws_region=self.region)
        if self.manifest:
            app.joinpath("jobs.json").write_text(json.dumps(self.manifest), encoding="utf-8")
        return app

    def plain(self) -> dict[str, str]:
        """The settings as text."""
        return {
            name: ",".join(value) if isinstance(value, list) else str(value) for name, value in self.settings.items()
        }


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    done = subprocess.run(command, cwd=cwd, env=environment() | variables, capture_output=True, text=True, timeout=240)
    require_provider(done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def cdk(case: Case, folder: Path) -> dict[str, Any]:
    parts.program("npx")
    app = case.app(folder, "cdk")
    given = case.plain() | {"stage": case.stage, "image": case.image}
    context = [word for name, value in given.items() for word in ("-c", f"{name}={value}")]
    run("npx", "--yes", CDK, "synth", "--quiet", "--output", "cdk.out", *context, cwd=app / "infra" / "cdk")
    templates = [json.loads(file.read_text()) for file in app.glob("infra/cdk/cdk.out/*.template.json")]
    assert len(templates) == 2
    return cloudformation.describe(cloudformation.Templates(templates, {}, Place(case.region)))


def sam(case: Case, folder: Path) -> dict[str, Any]:
    app = case.app(folder, "sam")
    run("python3", "infra/sam/assemble.py", cwd=app)
    given = case.plain() | {"project": "my-app", "stage": case.stage, "image": case.image}
    parameters = {"".join(word.title() for word in name.split("_")): value for name, value in given.items()}
    words = [f"{name}={value}" for name, value in parameters.items()]
    templates = [
        json.loads(
            run(app / "uvw", "tool", "run", "--quiet", "--from", SAM, "python", OURS / "translate.py",
                app / "infra" / "sam" / template, case.region, *words, cwd=app)
        )
        for template in ("build/template.yaml", "image.yaml")
    ]  # fmt: skip
    return cloudformation.describe(cloudformation.Templates(templates, parameters, Place(case.region)))


def terraform_(case: Case, folder: Path, change: tuple[str, str, str] | None = None) -> dict[str, Any]:
    parts.program("terraform")
    app = case.app(folder, "terraform")
    here = app / "infra" / "terraform"
    if change:
        file, old, new = change
        text = here.joinpath(file).read_text(encoding="utf-8")
        assert old in text
        here.joinpath(file).write_text(text.replace(old, new), encoding="utf-8")
    manifest = json.loads(app.joinpath("jobs.json").read_text(encoding="utf-8"))
    own = "vpc_id" not in case.settings
    text = terraform.mocks(here, manifest, case.called, Place(case.region), own_network=own)
    here.joinpath("description.tftest.hcl").write_text(text, encoding="utf-8")
    given = case.settings | {"stage": case.stage, "image": case.image}
    here.joinpath("given.auto.tfvars.json").write_text(json.dumps(given), encoding="utf-8")
    run("terraform", "init", "-backend=false", "-input=false", cwd=here)
    return terraform.describe(terraform.read(run("terraform", "test", "-json", "-verbose", cwd=here)))


EACH = {"cdk": cdk, "sam": sam, "terraform": terraform_}
