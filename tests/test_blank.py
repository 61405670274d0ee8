"""`make blank`: a generated app without its example, whose checks pass, and from which Git brings everything back."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from releases import git


@pytest.fixture(scope="module")
def project(installed_app: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A committed project, with a database of the wall's."""
    folder = tmp_path_factory.mktemp("blank") / "app"
    shutil.copytree(installed_app, folder, symlinks=True, ignore=shutil.ignore_patterns(".venv", ".git", "data"))
    folder.joinpath("data").mkdir()
    folder.joinpath("data", "app.db").write_bytes(b"the wall's rows")
    git(folder, "init", "--quiet")
    commit(folder)
    return folder


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "Commit")


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environ, capture_output=True, text=True, timeout=300, check=False
    )


def tracked(folder: Path) -> dict[str, bytes]:
    """The content of all files that Git knows or would add."""
    names = git(folder, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    return {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}


def test_what_is_not_committed_is_not_deleted(project: Path) -> None:
    page = project / "app" / "pages" / "mine.html"
    page.write_text("mine")
    before = tracked(project)
    done = make(project, "blank")
    assert done.returncode
    assert "Commit first" in done.stderr
    assert "mine.html" in done.stderr
    assert tracked(project) == before
    page.unlink()


def test_a_blank_app_passes_its_checks_and_nothing_is_lost(project: Path) -> None:
    before = tracked(project)
    done = make(project, "blank")
    assert done.returncode == 0, done.stdout + done.stderr
    assert project.joinpath("data", "wall-1.db").read_bytes() == b"the wall's rows"
    checked = make(project, "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    leftovers = [
        name
        for name, content in tracked(project).items()
        if name.startswith(("app/", "tests/", "migrations/", "jobs.json"))
        and name != "app/about.py"  # the answers
        and b"wall" in content.lower()
    ]
    assert leftovers == []
    commit(project)
    again = make(project, "blank")
    assert again.returncode
    assert "no wall to replace" in again.stderr
    git(project, "revert", "--no-edit", "HEAD")
    assert tracked(project) == before
