"""`make infra-check` of each: the tool itself reads what the app has, without AWS and without credentials."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import parts
from rendering import ROOT, render

MANIFEST = {
    "version": 1,
    "queues": [
        {"name": "default", "fifo": False, "batch_size": 10},
        {"name": "mail-out", "fifo": False, "batch_size": 10},
        {"name": "orders.fifo", "fifo": True, "batch_size": 1},
    ],
    "jobs": [
        {"name": "app.jobs.tidy", "queue": "default", "runs_on": "lambda", "attempts": 13, "max_runtime": 60},
        {"name": "app.jobs.send", "queue": "mail-out", "runs_on": "lambda", "attempts": 2, "max_runtime": 60},
        {"name": "app.jobs.rebuild", "queue": "orders.fifo", "runs_on": "fargate", "attempts": 20, "max_runtime": 7200},
    ],
    "schedules": [
        {
            "name": "tidy",
            "job": "app.jobs.tidy",
            "queue": "default",
            "runs_on": "lambda",
            "expression": "cron(0 3 * * ? *)",
            "timezone": "Asia/Tokyo",
            "overlap": "skip",
            "input": {"schedule": "tidy", "time": "<aws.scheduler.scheduled-time>"},
        },
        {
            "name": "re_build.2",
            "job": "app.jobs.rebuild",
            "queue": "orders.fifo",
            "runs_on": "fargate",
            "expression": "rate(1 day)",
            "timezone": "UTC",
            "overlap": "queue",
            "input": {"schedule": "re_build.2", "time": "<aws.scheduler.scheduled-time>"},
        },
    ],
}
"""More than the app that comes has: several queues, one that keeps order, and schedules of both kinds."""


def environment() -> dict[str, str]:
    """This process's, without its virtual environment and without AWS; what tools fetch is kept in build/tools."""
    tools = ROOT / "build" / "tools"
    kept = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV" and not name.startswith("AWS_")}
    return kept | {
        "UV_TOOL_DIR": str(tools / "uv"),
        "npm_config_cache": str(tools / "npm"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
        "CHECKPOINT_DISABLE": "1",
    }


def check(app: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", "infra-check", *arguments],
        cwd=app,
        env=environment() | changes,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
    )


@pytest.mark.parametrize(("iac", "program"), [("cdk", "npx"), ("sam", "make"), ("terraform", "terraform")])
def test_what_is_rendered_passes_the_check_of_its_tool(tmp_path: Path, iac: str, program: str) -> None:
    parts.program(program)
    app = render(tmp_path / "my-app", iac=iac)
    app.joinpath("jobs.json").write_text(json.dumps(MANIFEST), encoding="utf-8")
    done = check(app)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("iac", "file", "good", "bad"),
    [
        ("sam", "infra/sam/parts/queue.yaml", "VisibilityTimeout:", "VisibilityTimeot:"),
        ("terraform", "infra/terraform/web.tf", "memory_size ", "memory_syze "),
    ],
)
def test_what_the_tool_does_not_know_fails_the_check(tmp_path: Path, iac: str, file: str, good: str, bad: str) -> None:
    parts.program("terraform" if iac == "terraform" else "make")
    app = render(tmp_path / "my-app", iac=iac)
    text = app.joinpath(file).read_text(encoding="utf-8")
    assert good in text
    app.joinpath(file).write_text(text.replace(good, bad), encoding="utf-8")
    done = check(app)
    assert done.returncode != 0
    assert bad.strip(" :=") in done.stdout


@pytest.mark.parametrize(("iac", "program"), [("cdk", "npx"), ("terraform", "terraform")])
def test_a_missing_tool_is_told(tmp_path: Path, iac: str, program: str) -> None:
    app = render(tmp_path / "my-app", iac=iac)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("make", "sh"):
        programs.joinpath(name).symlink_to(shutil.which(name) or "")
    done = check(app, PATH=str(programs))
    assert done.returncode != 0
    assert "Install it" in done.stdout
