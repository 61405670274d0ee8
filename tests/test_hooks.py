"""The hooks: whatever a check of a new project finds, nothing is lost. test_new has the project that passes."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import build
import render as rendered
from programs import path_without, program
from releases import commit, copier, git
from rendering import PROGRAMS, ROOT
from report import Failed, Report, Skipped


@pytest.fixture
def project(app: Path, tmp_path: Path) -> Path:
    """A rendered project that a test may change, in no repository."""
    return shutil.copytree(app, tmp_path / "my-app")


@pytest.fixture
def someone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person whom git knows."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Someone")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "someone@example.com")


@pytest.mark.usefixtures("someone")
def test_a_check_that_fails_keeps_the_project_and_says_how_to_go_on(template: Path, tmp_path: Path) -> None:
    tests = template / "template" / "tests"
    for file in tests.glob("test_*.py"):
        file.unlink()
    (tests / "test_broken.py").write_text("def test_broken() -> None:\n    assert 1 == 2\n")
    commit(template, "v1.0.1")
    done = copier("copy", "--trust", "--defaults", template, tmp_path / "my-app")
    assert done.returncode != 0
    assert re.search(r"^  FAIL +tests pass ", done.stdout, re.MULTILINE)
    assert "assert 1 == 2" in done.stdout
    assert f"cd {tmp_path / 'my-app'} && python3 uvw run --no-sync pytest -q" in done.stdout
    assert (tmp_path / "my-app" / "app" / "web.py").is_file()
    assert git(tmp_path / "my-app", "log", "--format=%s") == "Generate the project with Spikeproof"


def test_a_missing_git_identity_is_an_error_that_names_the_settings(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    with pytest.raises(Skipped, match=r"git config --global user\.name .* git commit -m"):
        build.first_commit(project)
    assert "app/web.py" in git(project, "diff", "--cached", "--name-only")


@pytest.mark.usefixtures("someone")
def test_no_repository_is_made_inside_another(project: Path) -> None:
    git(project.parent, "init", "--quiet")
    with pytest.raises(Skipped, match="inside the repository"):
        build.first_commit(project)
    assert not (project / ".git").exists()


@pytest.mark.usefixtures("someone")
def test_a_folder_of_another_users_is_not_taken_for_one_without_a_repository(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on SMB, where files belong to whoever mounted it."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(Skipped, match=r"git config --global --add safe\.directory \S+, then: git add"):
        build.first_commit(project)
    shutil.rmtree(project / ".git")
    git_init = {name: value for name, value in os.environ.items() if name != "GIT_TEST_ASSUME_DIFFERENT_OWNER"}
    subprocess.run(["git", "init", "--quiet"], cwd=project.parent, env=git_init, check=True)
    with pytest.raises(Skipped, match="inside a repository of another user's"):
        build.first_commit(project)
    assert not (project / ".git").exists()


@pytest.mark.usefixtures("someone")
def test_a_repository_that_is_there_is_left_as_it_is(project: Path) -> None:
    git(project, "init", "--quiet")
    with pytest.raises(Skipped, match="there is a repository already"):
        build.first_commit(project)


def test_without_a_network_the_checks_say_so_and_the_project_stays(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    for check in (build.lock, build.install):
        with pytest.raises(Skipped, match=r"no network; run make check when there is one"):
            check(project)
    for check in (build.migrate, build.tests):
        with pytest.raises(Skipped, match="dependencies are not installed"):
            check(project)
    assert (project / "app" / "web.py").is_file()


BUILDX = """\
#!/bin/sh
[ "$1" = build ] || exit 0
echo 'ERROR: BuildKit is enabled but the buildx component is missing or broken.' >&2
exit 1
"""


@pytest.mark.parametrize(
    ("programs", "reason"),
    [
        ({}, "Docker is not installed"),
        (
            {"docker": "#!/bin/sh\necho 'Is the docker daemon running?' >&2; exit 1\n"},
            "Is the docker daemon running; once",
        ),
        (
            {"podman": "#!/bin/sh\necho 'cannot connect to Podman' >&2; exit 125\n"},
            "cannot connect to Podman; once that",
        ),
        (
            {"docker": BUILDX},
            r"docker has no buildx; install it, https://docs\.docker\.com/go/buildx/, then: make image",
        ),
        (
            {"docker": "#!/bin/sh\n[ $1 = build ] || exit 0; echo i/o timeout; exit 1\n"},
            "run make image when there is a",
        ),
    ],
    ids=["no engine", "stopped", "Podman stopped", "no buildx", "no network"],
)
def test_an_image_that_cannot_be_built_here_is_skipped(
    project: Path,
    installed_app: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    programs: dict[str, str],
    reason: str,
) -> None:
    shutil.copy(installed_app / "uv.lock", project)
    monkeypatch.setenv("PATH", path_without(tmp_path / "bin", "docker", "podman"))
    for name, text in programs.items():
        program(tmp_path / "bin" / name, text)
    with pytest.raises(Skipped, match=reason):
        build.image(project)


def test_an_image_that_does_not_build_fails(
    project: Path, installed_app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(installed_app / "uv.lock", project)
    monkeypatch.setenv("PATH", path_without(tmp_path / "bin", "docker", "podman"))
    program(
        tmp_path / "bin" / "docker", "#!/bin/sh\n[ $1 = build ] || exit 0; echo no such instruction: FORM; exit 1\n"
    )
    with pytest.raises(Failed, match="docker build failed"):
        build.image(project)


@pytest.mark.usefixtures("someone")
def test_scripts_are_committed_as_programs_where_the_file_system_has_no_modes(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PROGRAMS:
        (project / name).chmod(0o644)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.fileMode")  # as `git init` sets it there
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "false")
    build.first_commit(project)
    modes = dict(reversed(line.split("\t")) for line in git(project, "ls-files", "--stage").splitlines())
    assert {name for name, entry in modes.items() if entry.startswith("100755")} == PROGRAMS


def test_a_file_system_without_modes_is_asked_for_none(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "jobs.json").chmod(0o755)
    assert rendered.has_modes(project)
    with pytest.raises(Failed):
        rendered.scripts_can_be_run(project)
    monkeypatch.setattr(os, "chmod", lambda *_: None)  # every file keeps the mode that the mount gives it
    assert not rendered.has_modes(project)
    assert rendered.scripts_can_be_run(project) == "this file system has no modes"
    assert not list(project.glob(".modes.*"))


def test_windows_is_sent_to_wsl_before_anything_is_asked(small_template: Path, tmp_path: Path) -> None:
    script = (
        "import platform, runpy; platform.system = lambda: 'Windows'; runpy.run_module('copier', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, "copy", "--trust", small_template, tmp_path / "my-app"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    (line,) = done.stderr.strip().splitlines()
    assert "The project needs Linux or macOS. On Windows, use WSL2: type `wsl --install` in " in line
    assert not (tmp_path / "my-app").exists()


def test_windows_is_sent_to_wsl_by_cookiecutter_before_it_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "name", "nt")
    with pytest.raises(SystemExit, match="On Windows, use WSL2: type `wsl --install`"):
        runpy.run_path(str(ROOT / "hooks" / "pre_gen_project.py"))


def test_the_checks_never_touch_the_users_database(
    project: Path, installed_app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / ".venv").symlink_to(installed_app / ".venv")
    shutil.copy(installed_app / "uv.lock", project)
    for file in (project / "tests").glob("test_*.py"):
        if file.name != "test_wall.py":  # which has rows
            file.unlink()
    monkeypatch.setenv("DATABASE_URL", "mysql://production:secret@127.0.0.1:9/production")
    monkeypatch.setenv("TEST_DATABASE_URL", "mysql://production:secret@127.0.0.1:9/production")
    build.migrate(project)
    assert re.match(r"\d+ passed", build.tests(project))


@pytest.mark.parametrize(
    ("name", "text", "check", "problem"),
    [
        ("a.txt", "one\n{{ project_name }}\n", rendered.no_marker_is_left, r"a\.txt:2: \{\{ project_name \}\}"),
        ("b.txt", "{% if aws_region %}", rendered.no_marker_is_left, r"b\.txt:1"),
        ("c.toml.jinja", "", rendered.no_marker_is_left, r"c\.toml\.jinja: the name itself"),
        ("d.json", "{,}", rendered.files_parse, r"d\.json"),
        ("e.toml", "a = ", rendered.files_parse, r"e\.toml"),
        ("f.yml", "a: [", rendered.files_parse, r"f\.yml"),
        ("g.py", "def", rendered.files_parse, r"g\.py"),
        ("h", "#!/bin/sh\n", rendered.scripts_can_be_run, r"h: begins with #! but is not executable"),
    ],
)
def test_what_did_not_render_is_named(project: Path, name: str, text: str, check, problem: str) -> None:
    (project / name).write_text(text)
    with pytest.raises(Failed) as failure:
        check(project)
    assert re.search(problem, failure.value.output)


def test_a_slow_check_says_that_it_is_running(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import threading

    monkeypatch.setattr("report.SLOW", 0.0)
    shown = threading.Event()
    report = Report("Checking")
    line = report._line

    def line_and_tell(*arguments) -> None:
        line(*arguments)
        shown.set()

    monkeypatch.setattr(report, "_line", line_and_tell)
    report.run("something slow", lambda: str(shown.wait(10)))
    lines = capsys.readouterr().err.splitlines()
    assert lines[2].split() == ["...", "something", "slow"]
    assert re.match(r"  ok +something slow +\d+\.\d s  True", lines[3])
