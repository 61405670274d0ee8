"""An update from each earlier version, with each infrastructure tool, keeps the user's files and brings the rest."""

import functools
import os
import re
import subprocess
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


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("version", history.versions())
def test_an_update_keeps_the_users_changes_and_brings_the_rest(
    released: Path, fresh, tmp_path: Path, version: str, tool: str
) -> None:
    project = copy(released, tmp_path / "photo-wall", version, iac=tool)
    user_edits.customize(project)
    before = contents(project)
    update(project, iac=tool)
    after, newest = contents(project), fresh(released, iac=tool)

    assert git(project, "ls-files", "--unmerged") == ""
    assert not [name for name in after if name.endswith(".rej")]
    assert not [name for name, text in after.items() if re.search("^(<<<<<<<|>>>>>>>) ", text, re.MULTILINE)]
    assert own(after) == own(before)
    kept = newest.keys() - {*user_edits.DELETED, *user_edits.RENAMED}
    assert not_own(after).keys() == kept | {"env.sample"}
    edits = {name: edit for name, edit in user_edits.EDITS.items() if name in before}
    for name in kept:
        assert after[name] == (edits[name](newest[name]) if name in edits else newest[name]), name


@pytest.mark.parametrize("tool", TOOLS)
def test_an_untouched_project_is_a_fresh_one_afterwards(small_template: Path, fresh, tmp_path: Path, tool: str) -> None:
    project = committed(copy(small_template, tmp_path / "photo-wall", history.CONSTRUCTED, iac=tool))
    update(project)
    assert not_own(contents(project)) == fresh(small_template, iac=tool)


def test_what_an_update_leaves_passes_its_own_check_with_the_versions_that_were_locked(
    released: Path, tmp_path: Path
) -> None:
    project = copy(released, tmp_path / "photo-wall", history.CONSTRUCTED, iac="cdk")
    environ = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    user_edits.customize(project)
    subprocess.run(
        ["./uvw", "lock", "--quiet", "--upgrade-package", "idna==3.10"], cwd=project, env=environ, check=True
    )
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "Lock")
    update(project)

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


def test_an_update_to_the_same_version_changes_nothing(small_template: Path, tmp_path: Path) -> None:
    project = copy(small_template, tmp_path / "photo-wall", history.NEWEST)
    user_edits.customize(project)
    update(project)
    assert git(project, "status", "--porcelain") == ""


def test_another_tool_for_the_infrastructure_brings_its_files_alone(
    small_template: Path, fresh, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    project = committed(copy(small_template, tmp_path / "photo-wall", history.NEWEST, iac="terraform"))
    state = project / "infra" / "terraform" / "terraform.tfstate"
    state.write_text("secret")
    update(project, iac="sam", aws_region="eu-west-1")
    assert state.read_text() == "secret"
    assert "tfstate" not in git(project, "status", "--porcelain", "--untracked-files=all")
    state.unlink()
    assert not_own(contents(project)) == fresh(small_template, iac="sam", aws_region="eu-west-1")
    report = capfd.readouterr().err
    assert "iac: terraform → sam" in report
    assert "aws_region: eu-central-1 → eu-west-1" in report
    assert "What is deployed does not" in report


def test_the_users_files_that_contain_an_earlier_answer_are_named(
    small_template: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    project = committed(copy(small_template, tmp_path / "photo-wall", history.NEWEST))
    update(project, project_description="A place for pictures")
    assert (
        "Where people post → A place for pictures; for you to change: README.md, app/about.py\n"
        in capfd.readouterr().err
    )
    assert git(project, "diff", "--name-only", "--", *user_edits.OWN) == ""


def test_a_line_that_both_changed_is_the_only_conflict(
    small_template: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    project = committed(copy(small_template, tmp_path / "photo-wall", history.CONSTRUCTED, iac="sam"))
    user_edits.change(
        project / "Dockerfile", lambda text: text.replace("PYTHONUNBUFFERED=1", "PYTHONUNBUFFERED=1 TZ=UTC")
    )
    git(project, "commit", "--all", "--quiet", "--message", "Another time zone")
    update(project)
    assert re.findall(r"\d\t(.+)", git(project, "ls-files", "--unmerged")) == ["Dockerfile"] * 3
    assert "You and the template changed the same lines:\n\n    Dockerfile\n" in capfd.readouterr().err
    assert "bulk" in {path.stem for path in (project / "kit/src/kit/db").iterdir()}
    git(project, "checkout", "--ours", "Dockerfile")
    assert "PYTHONUNBUFFERED=1 TZ=UTC" in (project / "Dockerfile").read_text()


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


def test_what_the_merge_broke_is_named(small_template: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    project = committed(copy(small_template, tmp_path / "photo-wall", history.CONSTRUCTED, iac="sam"))
    user_edits.change(project / "pyproject.toml", lambda text: text.replace("[project]", "[project"))
    git(project, "commit", "--all", "--quiet", "--message", "A slip")
    with pytest.raises(copier.errors.TaskError):
        update(project)
    assert re.search(r"FAIL +files parse[^$]*pyproject\.toml", capfd.readouterr().err)


@pytest.mark.parametrize("text", ["# Photo wall\nOurs.\n", None])
def test_a_rewritten_or_deleted_readme_stays_as_it_is(small_template: Path, tmp_path: Path, text: str | None) -> None:
    project = committed(copy(small_template, tmp_path / "photo-wall", history.CONSTRUCTED, iac="sam"))
    readme = project / "README.md"
    readme.write_text(text) if text else readme.unlink()
    git(project, "commit", "--all", "--quiet", "--message", "Our own words")
    update(project)
    assert git(project, "ls-files", "--unmerged") == ""
    assert (readme.read_text() if readme.exists() else None) == text


def test_a_rewritten_file_of_the_templates_is_a_conflict_and_git_keeps_both_sides(
    small_template: Path, tmp_path: Path
) -> None:
    guide = ".github/workflows/README.md"
    project = committed(copy(small_template, tmp_path / "photo-wall", history.CONSTRUCTED, iac="sam"))
    (project / guide).write_text("# Our pipelines\nOurs.\n")
    git(project, "commit", "--all", "--quiet", "--message", "Our own words")
    update(project)
    assert re.findall(r"\d\t(.+)", git(project, "ls-files", "--unmerged")) == [guide] * 3
    git(project, "checkout", "--ours", guide)
    assert (project / guide).read_text() == "# Our pipelines\nOurs.\n"


def test_a_file_that_both_added_is_a_conflict_in_which_neither_is_lost(small_template: Path, tmp_path: Path) -> None:
    project = committed(copy(small_template, tmp_path / "photo-wall", history.CONSTRUCTED, iac="sam"))
    (project / "kit/src/kit/db/bulk.py").write_text('"""My own batches."""\n')
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "My own")
    update(project)
    text = (project / "kit/src/kit/db/bulk.py").read_text()
    assert '<<<<<<< before updating\n"""My own batches."""\n=======\n' in text
    assert "def backfill(" in text


def test_a_changed_file_that_the_template_removed_is_deleted_and_named(
    small_template: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    project = committed(copy(small_template, tmp_path / "photo-wall", history.CONSTRUCTED, iac="sam"))
    user_edits.change(project / "kit/src/kit/gone.py", user_edits.adds("MINE = 1\n"))
    git(project, "commit", "--all", "--quiet", "--message", "Mine")
    update(project)
    assert not (project / "kit/src/kit/gone.py").exists()
    assert (
        "You had changed these files, which the template no longer has:\n\n    git show HEAD:./kit/src/kit/gone.py\n"
        in capfd.readouterr().err
    )
    assert "MINE = 1" in git(project, "show", "HEAD:kit/src/kit/gone.py")
