"""An update from each earlier version, with each infrastructure tool, keeps the user's files and brings the rest."""

import functools
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import copier
import pytest

import history
import render as rendered
import user_edits
from releases import commit, committed, copy, git

TOOLS = ("cdk", "sam", "terraform")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, str]]:
    """What the newest version of a template makes of these answers, without the user's files."""

    @functools.cache
    def of(template: Path, **answers: str) -> dict[str, str]:
        return not_own(contents(copy(template, tmp_path_factory.mktemp("fresh"), history.NEWEST, **answers)))

    return of


def update(project: Path, **answers: str) -> None:
    copier.run_update(project, answers, defaults=True, overwrite=True, unsafe=True, quiet=True)


def contents(folder: Path) -> dict[str, str]:
    return {name: path.read_bytes().decode() for name, path in rendered.files(folder)}


def own(files: dict[str, str]) -> dict[str, str]:
    """The user's files."""
    return {name: text for name, text in files.items() if name.partition("/")[0] in user_edits.OWN}


def not_own(files: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in files.items() if name not in own(files)}


def check_update(project: Path, before: dict[str, str], newest: dict[str, str]) -> None:
    """Check that what a user had changed `before` an update is kept, and that the rest is the newest version's."""
    after = contents(project)
    assert git(project, "ls-files", "--unmerged") == ""
    assert not [name for name in after if name.endswith(".rej")]
    assert not [name for name, text in after.items() if re.search("^(<<<<<<<|>>>>>>>) ", text, re.MULTILINE)]
    assert own(after) == own(before)
    kept = newest.keys() - {*user_edits.DELETED, *user_edits.RENAMED}
    assert not_own(after).keys() == kept | {"env.sample"} | before.keys() & {"uv.lock"}
    edits = {name: edit for name, edit in user_edits.EDITS.items() if name in before}
    for name in kept:
        assert after[name] == (edits[name](newest[name]) if name in edits else newest[name]), name


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("version", history.versions())
def test_an_update_keeps_the_users_changes_and_brings_the_rest(
    request: pytest.FixtureRequest, fresh, tmp_path: Path, version: str, tool: str
) -> None:
    # What the constructed version lacks is in the small template; the next test has all the other files.
    template = request.getfixturevalue("small_template" if version == history.CONSTRUCTED else "released")
    project = copy(template, tmp_path / "photo-wall", version, iac=tool)
    user_edits.customize(project)
    before = contents(project)
    update(project, iac=tool)
    check_update(project, before, fresh(template, iac=tool))


def test_the_whole_template_passes_its_own_check_after_an_update_with_the_versions_that_were_locked(
    released: Path, fresh, tmp_path: Path
) -> None:
    project = copy(released, tmp_path / "photo-wall", history.CONSTRUCTED, iac="cdk")
    environ = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    user_edits.customize(project)
    subprocess.run(
        ["./uvw", "lock", "--quiet", "--upgrade-package", "idna==3.10"], cwd=project, env=environ, check=True
    )
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "Lock")
    before = contents(project)
    update(project, iac="cdk")

    check_update(project, before, fresh(released, iac="cdk"))
    packages = tomllib.loads((project / "uv.lock").read_text(encoding="utf-8"))["package"]
    locked = {package["name"]: package["version"] for package in packages}
    assert locked["idna"] == "3.10"
    assert {"uvicorn", "sqlglot", "sqlparse"} <= locked.keys()
    process = subprocess.run(["make", "check"], cwd=project, env=environ, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout + process.stderr


def test_a_project_of_a_template_beside_it_finds_it_again(
    small_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small_template.parent)
    project = committed(copy(Path(small_template.name), tmp_path / "photo-wall", history.CONSTRUCTED))
    monkeypatch.chdir(tmp_path)
    update(project)
    assert (project / "kit/src/kit/db/bulk.py").is_file()


def test_an_update_to_the_same_version_changes_nothing(small_template: Path, generate, tmp_path: Path) -> None:
    project = generate(small_template, tmp_path / "photo-wall", history.NEWEST)
    user_edits.customize(project)
    update(project)
    assert git(project, "status", "--porcelain") == ""


def test_other_answers_bring_their_files_alone_and_the_users_files_that_contain_an_earlier_one_are_named(
    small_template: Path, generate, fresh, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    project = committed(generate(small_template, tmp_path / "photo-wall", history.NEWEST, iac="terraform"))
    state = project / "infra" / "terraform" / "terraform.tfstate"
    state.write_text("secret")
    answers = {"iac": "sam", "aws_region": "eu-west-1", "project_description": "A place for pictures"}
    update(project, **answers)
    assert state.read_text() == "secret"
    assert "tfstate" not in git(project, "status", "--porcelain", "--untracked-files=all")
    state.unlink()
    assert not_own(contents(project)) == fresh(small_template, **answers)
    assert git(project, "diff", "--name-only", "--", *user_edits.OWN) == ""
    report = capfd.readouterr().err
    assert "iac: terraform → sam" in report
    assert "aws_region: eu-central-1 → eu-west-1" in report
    assert "What is deployed does not" in report
    assert "Where people post → A place for pictures; for you to change: README.md, app/about.py\n" in report


def test_a_step_of_a_version_runs_once_and_its_note_is_reported(
    small_template: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    template = tmp_path / "template"
    git(tmp_path, "clone", "--quiet", str(small_template), template.name)
    upgrading = template / "docs" / "upgrading.md"
    user_edits.change(upgrading, user_edits.adds("\n### 1000.0.0\nLong done.\n"))
    commit(template, "v1000.0.1")
    (template / "hooks" / "steps" / "v1001_0_0_count.py").write_text(
        "def needed(project):\n    return not (project / 'steps').exists()\n\n\n"
        "def run(project):\n    (project / 'steps').open('a').write('x')\n"
    )
    note = "\n### 1001.0.0 (2030-01-01)\nRename the stage.\n\nThen deploy.\n"
    user_edits.change(upgrading, lambda text: text.replace("\n### 1000.0.0\n", f"{note}\n### 1000.0.0\n"))
    commit(template, "v1001.0.0")
    project = committed(copy(template, tmp_path / "photo-wall", "v1000.0.1", iac="sam"))
    update(project)
    assert (project / "steps").read_text() == "x"
    report = capfd.readouterr().err
    assert report.count("Checking what the update brought") == 1
    assert "To do by hand since 1001.0.0:\n\nRename the stage.\n\nThen deploy.\n" in report
    assert "Done by a step:\n\n    v1001_0_0_count\n" in report
    assert "Long done" not in report
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "Update")
    update(project)
    assert (project / "steps").read_text() == "x"
    assert "by hand" not in capfd.readouterr().err


def test_what_the_merge_broke_is_named(
    small_template: Path, generate, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    project = committed(generate(small_template, tmp_path / "photo-wall", history.CONSTRUCTED, iac="sam"))
    user_edits.change(project / "pyproject.toml", lambda text: text.replace("[project]", "[project"))
    git(project, "commit", "--all", "--quiet", "--message", "A slip")
    with pytest.raises(copier.errors.TaskError):
        update(project)
    assert re.search(r"FAIL +files parse[^$]*pyproject\.toml", capfd.readouterr().err)


GUIDE = ".github/workflows/README.md"


@pytest.fixture(scope="module")
def disputed(small_template: Path, generate, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A project after an update that meets changes of the same lines and files, and what that printed."""
    project = committed(generate(small_template, tmp_path_factory.mktemp("disputed") / "app", history.CONSTRUCTED))
    user_edits.change(
        project / "Dockerfile", lambda text: text.replace("PYTHONUNBUFFERED=1", "PYTHONUNBUFFERED=1 TZ=UTC")
    )
    (project / GUIDE).write_text("# Our pipelines\nOurs.\n")
    (project / "kit/src/kit/db/bulk.py").write_text('"""My own batches."""\n')
    user_edits.change(project / "kit/src/kit/gone.py", user_edits.adds("MINE = 1\n"))
    (project / "README.md").unlink()
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "As we like it")
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "copier", "update", "--trust", "--defaults", "--quiet", project],
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    return project, process.stderr


def test_lines_and_files_that_both_changed_are_the_only_conflicts(disputed: tuple[Path, str]) -> None:
    project, report = disputed
    conflicts = [GUIDE, "Dockerfile", "kit/src/kit/db/bulk.py"]
    unmerged = re.findall(r"\d\t(.+)", git(project, "ls-files", "--unmerged"))
    assert sorted(set(unmerged)) == conflicts
    listed = "".join(f"    {name}\n" for name in conflicts)
    assert f"You and the template changed the same lines:\n\n{listed}" in report


def test_git_keeps_both_sides_of_a_conflict(disputed: tuple[Path, str]) -> None:
    project, _ = disputed
    assert "TZ=UTC" in git(project, "show", ":2:Dockerfile")
    assert "DATABASE_LIMITS=warn" in git(project, "show", ":3:Dockerfile")
    assert git(project, "show", f":2:{GUIDE}") == "# Our pipelines\nOurs."
    assert "Older pipelines" not in git(project, "show", f":3:{GUIDE}")


def test_a_file_that_both_added_is_a_conflict_in_which_neither_is_lost(disputed: tuple[Path, str]) -> None:
    text = (disputed[0] / "kit/src/kit/db/bulk.py").read_text()
    assert '<<<<<<< before updating\n"""My own batches."""\n=======\n' in text
    assert "def backfill(" in text


def test_a_changed_file_that_the_template_removed_is_deleted_and_named(disputed: tuple[Path, str]) -> None:
    project, report = disputed
    assert not (project / "kit/src/kit/gone.py").exists()
    assert (
        "You had changed these files, which the template no longer has:\n\n    git show HEAD:./kit/src/kit/gone.py\n"
        in report
    )
    assert "MINE = 1" in git(project, "show", "HEAD:kit/src/kit/gone.py")


def test_a_deleted_readme_stays_deleted(disputed: tuple[Path, str]) -> None:
    assert not (disputed[0] / "README.md").exists()
