"""`make update`: what it refuses, with a sentence and nothing changed, and how it ends."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import history
import user_edits
from kit.update.command import explained
from kit.update.project import UNDO
from releases import committed, copy, git
from rendering import ROOT, TEMPLATE

ANSWERS = ".copier-answers.yml"


@pytest.fixture(scope="module")
def original(small_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of an earlier version, committed."""
    folder = tmp_path_factory.mktemp("original") / "photo-wall"
    return committed(copy(small_template, folder, history.CONSTRUCTED, iac="sam"))


@pytest.fixture
def project(original: Path, tmp_path: Path) -> Path:
    """A copy of it, to be broken."""
    return shutil.copytree(original, tmp_path / "photo-wall", symlinks=True)


def update(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run what `make update` runs, by the Python that has copier."""
    call = [sys.executable, "-W", "ignore", "-m", "kit", "update", *arguments]
    return subprocess.run(call, cwd=project, capture_output=True, text=True)


def answers_changed(project: Path, pattern: str, instead: str) -> None:
    """Change the answers file by hand, and commit that."""
    user_edits.change(project / ANSWERS, lambda text: re.sub(pattern, instead, text))
    git(project, "commit", "--all", "--quiet", "--message", "By hand")


def test_it_brings_the_newest_version_and_other_answers_and_leaves_them_uncommitted(project: Path) -> None:
    process = update(project, "--data", "iac=cdk", "--data", "project_description=A wall = a place")
    assert process.returncode == 0, process.stderr
    assert "git status && git diff && make check" in process.stderr
    assert f"_commit: {history.NEWEST}" in (project / ANSWERS).read_text()
    assert "?? kit/src/kit/db/bulk.py" in git(project, "status", "--porcelain")
    assert (project / "infra" / "cdk" / "own.py").is_file()
    assert not (project / "infra" / "sam").exists()
    assert 'description = "A wall = a place"' in (project / "pyproject.toml").read_text()


def test_with_nothing_new_it_says_so(project: Path) -> None:
    process = update(project, "--vcs-ref", history.CONSTRUCTED)
    assert process.returncode == 0
    assert "Already up to date" in process.stderr
    assert git(project, "status", "--porcelain") == ""


def test_a_conflict_is_listed_and_the_exit_code_tells_and_it_can_be_undone(project: Path) -> None:
    user_edits.change(
        project / "Dockerfile", lambda text: text.replace("PYTHONUNBUFFERED=1", "PYTHONUNBUFFERED=1 TZ=UTC")
    )
    git(project, "commit", "--all", "--quiet", "--message", "Another time zone")
    before = snapshot(project)
    process = update(project)
    assert process.returncode == 1
    assert "You and the template changed the same lines:\n\n    Dockerfile\n" in process.stderr
    subprocess.run(UNDO, shell=True, cwd=project, check=True)  # noqa: S602
    assert snapshot(project) == before
    assert UNDO in (project / "kit/docs/updating.md").read_text()


def test_what_failed_hides_nothing_and_the_next_update_goes_on(project: Path) -> None:
    (project / "uv.lock").write_text("version = 1\n")
    pin = 'constraint-dependencies = ["starlette<0.1"]\n'
    user_edits.change(project / "pyproject.toml", user_edits.adds(pin, after="[tool.uv]"))
    user_edits.change(
        project / "Dockerfile", lambda text: text.replace("PYTHONUNBUFFERED=1", "PYTHONUNBUFFERED=1 TZ=UTC")
    )
    user_edits.change(project / ".github/workflows/README.md", user_edits.adds("Write {{ project_name }} as it is.\n"))
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "What cannot be locked, and a conflict")
    process = update(project, "--data", "aws_region=eu-west-1")
    assert process.returncode == 1
    for message in (
        "dependencies are locked: uv lock failed",
        "same lines:\n\n    Dockerfile",
        "eu-central-1 → eu-west-1",
    ):
        assert message in process.stderr
    assert re.search("ok +everything is rendered", process.stderr)

    git(project, "checkout", "--quiet", "--theirs", "Dockerfile")
    git(project, "add", "Dockerfile")
    again = update(project)
    assert again.returncode == 1
    for message in ("dependencies are locked: uv lock failed", "eu-central-1 → eu-west-1"):
        assert message in again.stderr
    assert "same lines" not in again.stderr

    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "Committed all the same")
    committed_too = update(project)
    assert committed_too.returncode == 1
    assert "dependencies are locked: uv lock failed" in committed_too.stderr
    assert "Already up to date" not in committed_too.stderr


def test_a_project_ahead_of_the_newest_version_is_up_to_date_and_takes_other_answers(
    small_template: Path, tmp_path: Path
) -> None:
    template = tmp_path / "template"
    git(tmp_path, "clone", "--quiet", str(small_template), template.name)
    user_edits.change(template / "template" / "Dockerfile", user_edits.adds("# ahead\n"))
    git(template, "commit", "--all", "--quiet", "--message", "After the newest version")
    project = committed(copy(template, tmp_path / "photo-wall", "HEAD", iac="sam"))
    process = update(project)
    assert (process.returncode, git(project, "status", "--porcelain")) == (0, "")
    assert "is ahead of the template's newest version" in process.stderr
    assert "Already up to date" in process.stderr
    assert update(project, "--data", "aws_region=eu-west-1").returncode == 0
    assert "eu-west-1" in (project / "project.mk").read_text()
    assert "# ahead" in (project / "Dockerfile").read_text()


def test_an_update_that_is_stopped_says_how_to_get_back() -> None:
    with pytest.raises(SystemExit, match=re.escape(UNDO)), explained("template", None):
        raise KeyboardInterrupt


def test_make_runs_it_with_the_copier_that_is_tested_here(app: Path, tmp_path: Path) -> None:
    packages = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    version = next(package["version"] for package in packages if package["name"] == "copier")
    assert f'"copier=={version}"' in (TEMPLATE / "kit/tools/copier.py").read_text()
    project = committed(shutil.copytree(app, tmp_path / "photo-wall"))
    process = subprocess.run(
        ["make", "update", "VCS_REF=v1", "DATA=iac=cdk aws_region=eu-west-1"],
        cwd=project,
        capture_output=True,
        text=True,
    )
    assert process.returncode != 0
    assert "has no version v1; its versions are its tags. Nothing was changed." in process.stderr


REFUSED = {
    "work that is not committed": (
        lambda project: (project / "notes.txt").write_text("mine"),
        [],
        r"Commit or stash first, so that .*: notes\.txt\. Nothing was changed\.\nNext: git stash --include-untracked",
    ),
    "no answers file": (
        lambda project: (git(project, "rm", "--quiet", ANSWERS), git(project, "commit", "--quiet", "-m", "x")),
        [],
        r"There is no \.copier-answers\.yml in .*\nNext: git checkout \w+ -- \.copier-answers\.yml && git commit",
    ),
    "no repository": (
        lambda project: shutil.rmtree(project / ".git"),
        [],
        r"is in no Git repository.*\nNext: git init",
    ),
    "answers that are no YAML": (
        lambda project: answers_changed(project, "aws_region: ", "aws_region: ["),
        [],
        r"\.copier-answers\.yml is invalid: it is not YAML\..*\nNext: git checkout \w+ -- \.copier-answers",
    ),
    "answers without their template": (
        lambda project: answers_changed(project, "_src_path: .*\n", ""),
        [],
        r"lacks the template \(_src_path\)",
    ),
    "an answer that is nonsense": (
        lambda project: answers_changed(project, "eu-central-1", "moon"),
        [],
        r"^aws_region: Use a region such as “eu-central-1”: AWS has no region of this name\. Nothing was changed",
    ),
    "an answer that is not there": (
        lambda project: answers_changed(project, "iac: sam\n", ""),
        [],
        r"\.copier-answers\.yml lacks iac, which v0\.0\.9 of the template asked for\..*\nNext: git checkout \w+ -- \.copier",
    ),
    "an answer on the command line that is nonsense": (
        lambda project: None,
        ["--data", "iac=pulumi"],
        r"^iac: Use a tool such as “sam”: the others are cdk and terraform\. Nothing was changed",
    ),
    "an answer to no question": (
        lambda project: None,
        ["--data", "region=eu-west-1"],
        r"This version of the template has no question region, only aws_region, ",
    ),
    "a version that does not exist": (
        lambda project: None,
        ["--vcs-ref", "v9.9.9"],
        r"has no version v9\.9\.9; its versions are its tags\. Nothing was changed",
    ),
    "an older version": (
        lambda project: answers_changed(project, "_commit: .*", f"_commit: {history.NEWEST}"),
        ["--vcs-ref", history.CONSTRUCTED],
        r"v0\.0\.9 is older than the version that this project has\. Nothing was changed",
    ),
    "a version of its own that is gone": (
        lambda project: answers_changed(project, "_commit: .*", "_commit: v0.0.8"),
        [],
        r"does not have v0\.0\.8, which \.copier-answers\.yml names as this project's version",
    ),
    "a template that is gone": (
        lambda project: answers_changed(project, "_src_path: .*", "_src_path: /nowhere/template"),
        [],
        r"The template at /nowhere/template cannot be read: there is no repository.*\nNext: make update   \(or if it has moved",
    ),
    "a template that cannot be reached": (
        lambda project: answers_changed(project, "_src_path: .*", "_src_path: http://127.0.0.1:9/template.git"),
        [],
        r"The template at http://127\.0\.0\.1:9/template\.git cannot be read: .*onnect.*\. Nothing was changed",
    ),
}


@pytest.mark.parametrize("wrong", REFUSED)
def test_it_refuses_with_a_sentence_and_changes_nothing(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("COPIER_CACHE_DIR", str(tmp_path / "cache"))
    spoil, arguments, sentence = REFUSED[wrong]
    spoil(project)
    before = snapshot(project)
    process = update(project, *arguments)
    assert process.returncode == 1
    assert re.search(sentence, process.stderr, re.MULTILINE | re.DOTALL), process.stderr
    assert "Traceback" not in process.stderr
    assert snapshot(project) == before


def snapshot(project: Path) -> dict[str, bytes]:
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in project.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(project).parts
    }


@pytest.mark.parametrize(
    ("login", "arguments"),
    [("me:geheim", []), ("geheim", []), ("me:x@geheim", []), ("me:x@geheim", ["--vcs-ref", "v9.9.9"])],
)
def test_a_password_in_the_templates_address_is_not_printed(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, login: str, arguments: list[str]
) -> None:
    monkeypatch.setenv("COPIER_CACHE_DIR", str(tmp_path / "cache"))
    answers_changed(project, "_src_path: .*", f"_src_path: http://{login}@127.0.0.1:9/template.git")
    process = update(project, *arguments)
    assert (process.returncode, process.stdout) == (1, "")
    assert "The template at http://127.0.0.1:9/template.git cannot be read" in process.stderr
    assert "geheim" not in process.stderr
    assert "Traceback" not in process.stderr
