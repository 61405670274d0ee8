"""OpenSSF Scorecard's checks of files, by the rules of its source: a new app passes all that files can pass.

Each rule is that of ossf/scorecard, checks/raw/<check>.go and checks/evaluation/<check>.go, as of August 2026. Left out:
License and Packaging, which are the owner's and need a publication; SBOM, which is experimental and counts a file beside
the code half, a release's the other half; and what judges settings, history and other people.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from rendering import rendered
from workflows import steps, workflows

BINARIES = (
    "crx deb dex dey elf o a so macho iso class jar bundle dylib lib msi dll drv efi exe ocx pyc pyo par rpm wasm whl"
)
UNPINNED = r"\b(?:pip3?|npm|yarn) (?:install|i|ci|add)\b|\bgo (?:get|install)\b|(?:curl|wget)[^\n]*\| *(?:ba|z)?sh\b|\bchoco install\b"
"""Downloads by a package manager without hashes, and scripts run as they are downloaded."""


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def binary_artifacts(folder: Path) -> bool:
    return not any(
        content[:4] == b"\x7fELF" or (name.rpartition(".")[2] in BINARIES.split() and re.search(rb"[\x00-\x08]", content[:1024]))
        for name, content in files(folder)
    )  # fmt: skip


def dangerous_workflow(folder: Path) -> bool:
    checkouts = [
        one.get("with", {}).get("ref", "")
        for name, one in steps(folder)
        if workflows(folder).get(name.partition(".")[0], {"on": {}})["on"].keys() & {"pull_request_target", "workflow_run"}
    ]  # fmt: skip
    scripts = "\n".join(one.get("run", "") for _, one in steps(folder))
    return not re.search(r"\$\{\{.*github\.(event\.|head_ref)", scripts) and not any(
        "github.event.pull_request" in ref or "github.event.workflow_run" in ref for ref in checkouts
    )


def dependency_update_tool(folder: Path) -> bool:
    return folder.joinpath(".github/dependabot.yml").is_file()


def fuzzing(folder: Path) -> bool:
    """Property-based tests count in other languages; in Python it must be Atheris, or ClusterFuzzLite."""
    return any(b"import atheris" in content for name, content in files(folder) if name.endswith(".py"))


def pinned_dependencies(folder: Path) -> bool:
    actions = [one["uses"] for _, one in steps(folder) if "uses" in one]
    dockerfile = folder.joinpath("Dockerfile").read_text(encoding="utf-8")
    images = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    stages = re.findall(r"^FROM \S+ AS (\S+)", dockerfile, re.MULTILINE)
    shell = [one.get("run", "") for _, one in steps(folder)] + re.findall(r"^RUN (.*)", dockerfile, re.MULTILINE)
    shell += [content.decode() for _, content in files(folder) if re.match(rb"#!.*\b(ba|z|da|k)?sh\b", content)]
    return (
        all(re.search(r"@[0-9a-f]{40}$", action) or action.startswith("./") for action in actions)
        and all(re.search(r"@sha256:[0-9a-f]{64}$", image) or image in stages for image in images)
        and not any(re.search(UNPINNED, text) for text in shell)
    )


def sast(folder: Path) -> bool:
    return any(one.get("uses", "").startswith("github/codeql-action/analyze@") for _, one in steps(folder))


def security_policy(folder: Path) -> bool:
    policy = folder / "SECURITY.md"
    text = policy.read_text(encoding="utf-8") if policy.is_file() else ""
    links = re.findall(r"https?://[a-zA-Z0-9./?=_%:-]*", text)
    hints = re.findall(r"\b[0-9]{1,4}\b|Disclos|Vuln", text, re.IGNORECASE)
    return bool(links) and len(hints) > 1 and len(text) > sum(map(len, links)) + 2 * len(links)


def token_permissions(folder: Path) -> bool:
    return all("write" not in str(workflow.get("permissions", "write")) for workflow in workflows(folder).values())


@pytest.mark.parametrize("iac", ["cdk", "sam", "terraform"])
def test_a_new_app_passes_what_files_can_pass(iac: str) -> None:
    assert [rule.__name__ for rule in RULES if not rule(rendered(iac))] == []


RULES = (
    binary_artifacts, dangerous_workflow, dependency_update_tool, fuzzing, pinned_dependencies, sast, security_policy,
    token_permissions,
)  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "file", "before", "after"),
    [
        (binary_artifacts, "app/tool.so", "", "\x00"),
        (dangerous_workflow, ".github/workflows/check.yml", "run: make check", "run: echo ${{ github.event.issue.title }}"),
        (dangerous_workflow, ".github/workflows/preview-end.yml", "event.repository.default_branch", "event.pull_request.head.sha"),
        (dependency_update_tool, ".github/dependabot.yml", "", None),
        (fuzzing, "kit/tools/fuzz.py", "import atheris", "import hypothesis"),
        (pinned_dependencies, ".github/workflows/check.yml", "actions/checkout@", "actions/checkout@v7 #"),
        (pinned_dependencies, ".github/workflows/check.yml", "run: make check", "run: pip install ruff"),
        (pinned_dependencies, "Dockerfile", "@sha256:", " #"),
        (sast, ".github/workflows/scan.yml", "codeql-action/analyze", "codeql-action/init"),
        (security_policy, "SECURITY.md", "https://", ""),
        (token_permissions, ".github/workflows/update.yml", "permissions: {}", "permissions: {contents: write}"),
        (token_permissions, ".github/workflows/update.yml", "permissions: {}\n", ""),
    ],
)  # fmt: skip
def test_each_rule_can_fail(app: Path, tmp_path: Path, rule, file: str, before: str, after: str | None) -> None:
    changed = shutil.copytree(app, tmp_path / "my-app", ignore=shutil.ignore_patterns(".venv")) / file
    if after is None:
        changed.unlink()
    else:
        text = changed.read_text(encoding="utf-8") if changed.exists() else ""
        assert before in text
        changed.write_text(text.replace(before, after) if before else after, encoding="utf-8")
    assert not rule(tmp_path / "my-app")
