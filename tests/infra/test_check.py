"""`make infra-check` with each tool, without AWS and without credentials."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import own_table
import pytest
from apps import render
from cases import CASES, OWN, Case, build_case, produced
from tools import TOOLS_CACHE, WITH_EVENTS, environment, require_provider, turn_cdn_on

import parts
from rendering import TEMPLATE


def check(app: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        ["make", "--no-print-directory", "infra-check", *arguments],
        cwd=app,
        env=environment() | changes,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
    )
    require_provider(done.stdout)
    return done


def uncommented(path: Path) -> None:
    """Use the examples: lines with a single # lose it."""
    text = path.read_text(encoding="utf-8")
    examples, times = re.subn(r"^( *)# ?(?!#)", r"\1", text, flags=re.MULTILINE)
    assert times > 15
    path.write_text(examples, encoding="utf-8")


@pytest.mark.parametrize(("iac", "program"), [("cdk", "npx"), ("sam", "make"), ("terraform", "terraform")])
def test_what_is_rendered_passes_the_check_of_its_tool(tmp_path: Path, iac: str, program: str) -> None:
    """With every kind of event, a CDN, and the examples of the user's own file in use."""
    parts.program(program)
    app = render(tmp_path / "my-app", iac=iac)
    app.joinpath("jobs.json").write_text(
        json.dumps(own_table.manifest() if iac == "cdk" else WITH_EVENTS), encoding="utf-8"
    )
    turn_cdn_on(app, iac)
    uncommented(app / OWN[iac])
    if iac == "cdk":
        with app.joinpath(OWN[iac]).open("a", encoding="utf-8") as own:
            own.write(f'    stack.events.streams["orders"] = "{own_table.ARN}"\n')
    shared = {"UV_PROJECT_ENVIRONMENT": str(TOOLS_CACHE / "cdk")} if iac == "cdk" else {}
    done = check(app, **shared)
    assert done.returncode == 0, done.stdout
    if iac == "cdk":
        templates = [json.loads(file.read_text()) for file in app.glob("infra/cdk/cdk.out/*.template.json")]
        for template in templates:  # a description knows the template's own functions alone
            named = template["Resources"].items()
            template["Resources"] = {name: one for name, one in named if not name.startswith("Thumbnails")}
        own_table.require_read(produced(iac, Case("default"), templates).describe(), own_table.ARN)


@pytest.mark.parametrize("iac", ["cdk", "sam"])
def test_cfn_lint_warns_of_nothing_whatever_is_set(tmp_path: Path, iac: str) -> None:
    for index in range(len(CASES)):
        for number, template in enumerate(build_case(iac, index).templates):
            tmp_path.joinpath(f"{index} {number}.json").write_text(json.dumps(template), encoding="utf-8")
    uvw = TEMPLATE / "uvw"
    command = [
        uvw,
        "run",
        "--quiet",
        "--locked",
        "--script",
        TEMPLATE / "kit/tools/cfn_lint.py",
        "cfn-lint",
        "--format",
        "parseable",
        "--ignore-checks",
        "W3005",
        "--",
        *sorted(tmp_path.glob("*.json")),
    ]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=240)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


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
def test_a_missing_tool_is_reported(tmp_path: Path, iac: str, program: str) -> None:
    app = render(tmp_path / "my-app", iac=iac)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("make", "sh"):
        programs.joinpath(name).symlink_to(shutil.which(name) or "")
    done = check(app, PATH=str(programs))
    assert done.returncode != 0
    assert "Install it" in done.stdout
