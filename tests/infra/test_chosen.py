"""A rendered app has only the chosen infrastructure tool, and does not mention the others."""

import re
import subprocess
from pathlib import Path

import pytest
from apps import render

import render as rendered
from rendering import TEMPLATE

WORDS = {
    "cdk": r"\bcdk\b|\bnpx\b|node\.?js|jsii",
    "sam": r"\baws-sam|\bsam\b|samconfig|serverless::",
    "terraform": r"terraform|\btofu\b|opentofu|\bhcl\b|\.tf\b|tfvars",
}
ANY_TOOL = {
    "kit/policies/limits.json": "denies previews the resources that an account shares",
    "kit/src/kit/ops/spike/environments.py": "runs the emulator, which SAM's package has",
    "kit/src/kit/ops/tool_state.py": "reads a state's place",
}
"""Files that may name any tool, and why."""


@pytest.mark.parametrize("iac", WORDS)
def test_nothing_of_the_other_two_is_left(tmp_path: Path, iac: str) -> None:
    app = render(tmp_path / "app", iac=iac)
    assert {folder.name for folder in (app / "infra").iterdir()} == {iac, "policies"}
    others = re.compile("|".join(words for name, words in WORDS.items() if name != iac), re.IGNORECASE)
    found = [
        f"{name}:{number}: {line}"
        for name, path in rendered.files(app)
        if not name.startswith("kit/docs/")  # the guides show what each tool needs, block by block
        if not name.endswith(".lock")  # cfn-lint, which two tools use, depends on a package of SAM's
        if name not in ANY_TOOL
        if name != ".gitignore"  # what another tool left there before is kept out, too: a state holds secrets
        for number, line in enumerate(f"{name}\n{path.read_text(encoding='utf-8')}".splitlines())
        if others.search(line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("iac", WORDS)
def test_the_chosen_tool_is_named(tmp_path: Path, iac: str) -> None:
    app = render(tmp_path / "app", iac=iac)
    text = "".join(path.read_text(encoding="utf-8") for _, path in rendered.files(app))
    assert re.search(WORDS[iac], text, re.IGNORECASE)


@pytest.mark.parametrize("iac", WORDS)
def test_every_part_has_a_file_of_its_own_under_the_same_name(tmp_path: Path, iac: str) -> None:
    app = render(tmp_path / "app", iac=iac)
    parts = {path.stem for path in (app / "infra" / iac).rglob("*") if path.is_file()}
    assert parts >= {"image", "network", "web", "jobs", "schedules", "tasks", "alarms", "dashboard"}


@pytest.mark.parametrize("iac", WORDS)
def test_the_apps_own_formatter_and_linter_find_nothing(tmp_path: Path, iac: str) -> None:
    app = render(tmp_path / "app", iac=iac)
    for command in (["format", "--check"], ["check"]):
        done = subprocess.run(["ruff", *command, "--no-cache", "infra"], cwd=app, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_no_file_is_too_long_to_read() -> None:
    for path in (TEMPLATE / "infra").rglob("*"):
        if path.suffix in {".py", ".yaml", ".tf"}:
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path
