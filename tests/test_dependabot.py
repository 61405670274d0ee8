"""Dependabot: its configuration is one that GitHub documents, and it finds what it is to update.

What it reads of a Dockerfile, and that it knows no ARG there: dependabot/dependabot-core,
docker/lib/dependabot/docker/file_parser.rb, FROM_LINE, and issue 2057.
"""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from rendering import ROOT, TEMPLATE, rendered

CHECKER = "check-jsonschema==0.39.0"
"""Brings the schema that SchemaStore keeps of GitHub's documentation."""
IMAGE = re.compile(r"(?P<name>[\w.-]+(?:/[\w.-]+)*):(?P<tag>\d+\.\d+[\w.-]*)@sha256:[0-9a-f]{64}")


TOOLS = ("cdk", "sam", "terraform")


@pytest.fixture(params=[*TOOLS, "template"])
def repository(request: pytest.FixtureRequest) -> Path:
    """A repository with a Dependabot configuration: a new app's, and this one."""
    which: str = request.param
    return ROOT if which == "template" else rendered(which)


def updates(repository: Path) -> dict[str, dict[str, Any]]:
    """What is updated, by its ecosystem."""
    config = yaml.safe_load((repository / ".github" / "dependabot.yml").read_text(encoding="utf-8"))
    by_ecosystem = {update["package-ecosystem"]: update for update in config["updates"]}
    assert len(by_ecosystem) == len(config["updates"])
    return by_ecosystem


def check(*files: Path) -> subprocess.CompletedProcess[str]:
    command = ["tool", "run", "--quiet", "--from", CHECKER, "check-jsonschema", "--builtin-schema", "vendor.dependabot"]
    return subprocess.run([TEMPLATE / "uvw", *command, *files], capture_output=True, text=True)


def test_it_has_the_documented_shape() -> None:
    done = check(*(folder / ".github" / "dependabot.yml" for folder in (ROOT, *map(rendered, TOOLS))))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_schema_would_find_something(tmp_path: Path) -> None:
    text = (ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8")
    tmp_path.joinpath("dependabot.yml").write_text(text.replace("interval: weekly", "interval: fortnightly"))
    assert "fortnightly" in check(tmp_path / "dependabot.yml").stdout


def test_an_app_gets_what_it_is_made_of_updated() -> None:
    for iac in TOOLS:
        found = updates(rendered(iac)).keys()
        assert found == {"uv", "docker", "github-actions"} | ({"terraform"} if iac == "terraform" else set())


def test_each_kind_comes_in_one_pull_request_after_a_cooldown(repository: Path) -> None:
    for one in updates(repository).values():
        [group] = one["groups"].values()
        assert group == {"patterns": ["*"]}
        assert one["cooldown"]["default-days"] == 7


FILES = {
    "uv": "pyproject.toml",
    "docker": "Dockerfile",
    "github-actions": ".github/workflows/*.yml",
    "terraform": "*.tf",
}
"""What Dependabot looks for in the folder of an ecosystem."""


def test_there_is_something_to_update_in_every_folder(repository: Path) -> None:
    for ecosystem, one in updates(repository).items():
        for folder in one.get("directories", [one.get("directory")]):
            pattern = (
                FILES[ecosystem] if folder == "/" else {"github-actions": "*.yml*"}.get(ecosystem, FILES[ecosystem])
            )
            assert list(repository.glob(f"{folder.strip('/')}/{pattern}".lstrip("/"))), (ecosystem, folder)


def test_every_image_of_a_dockerfile_is_pinned_where_dependabot_reads_it() -> None:
    lines = re.findall(r"^FROM (\S+)(?: AS (\w+))?$", (TEMPLATE / "Dockerfile").read_text(), re.MULTILINE)
    stages = {stage for _, stage in lines}
    images = [IMAGE.fullmatch(image) for image, _ in lines if image not in stages]
    assert [image and image["name"] for image in images] == ["python"]
    assert not re.findall(r"--from=(?!uv |build )\S+", (TEMPLATE / "Dockerfile").read_text())
