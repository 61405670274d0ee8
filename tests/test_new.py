"""`make new`: an app from a clone of the template, with nothing but Python, git and make."""

import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

import build
import render
from programs import path_without
from releases import git
from rendering import QUESTIONS, ROOT


def clone(template: Path) -> Path:
    """Clone the template beside it, as a user does; give the clone's folder."""
    git(template.parent, "clone", "--quiet", str(template), "clone")
    return template.parent / "clone"


@pytest.fixture(scope="module")
def small_clone(small_template: Path) -> Path:
    """A clone with few of the template's files, for tests after which it is as it was."""
    (small_template.parent / "clone.txt").write_text("")
    return clone(small_template)


@pytest.fixture
def refusal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run what `make new` runs in a clone, in this process, to a refusal; return what it says."""

    def run(clone: Path, *arguments: str) -> str:
        monkeypatch.chdir(clone)
        monkeypatch.setattr(sys, "argv", ["new.py", *arguments])
        monkeypatch.setattr(sys, "path", [*sys.path])
        with pytest.raises(SystemExit) as exit_:
            runpy.run_path(str(clone / "new.py"), run_name="__main__")
        return str(exit_.value)

    return run


def test_two_commands_bring_a_checked_and_committed_app_with_only_python_git_and_make(
    template: Path, bare: dict[str, str], tmp_path: Path
) -> None:
    usual = path_without(tmp_path / "bin", "copier", "docker", "pip", "pipx", "podman", "python", "uv", "uvx")
    bare = bare | {"PATH": usual, "NO_COLOR": "1"}  # `git submodule` is a shell script, which needs more than Git alone
    for role in ("AUTHOR", "COMMITTER"):
        bare |= {f"GIT_{role}_NAME": "Someone", f"GIT_{role}_EMAIL": "someone@example.com"}
    with pexpect.spawn(
        "make", ["new", "DEST=../photo-wall"], cwd=clone(template), env=bare, encoding="utf-8"
    ) as process:
        for question in QUESTIONS.values():
            process.expect_exact(question["help"], timeout=300)
            process.send("\r")
        process.expect_exact("photo-wall is ready", timeout=900)
        checks = re.findall(r"^  (ok|skip) +(\S.+?)  +\d+\.\d s  \S", process.before, re.MULTILINE)
        process.expect(pexpect.EOF)
    assert process.exitstatus == 0
    assert [name for _, name in checks] == [name for name, _ in [*render.CHECKS, *build.CHECKS]]
    assert {word for word, name in checks if name != "image builds"} == {"ok"}
    assert git(tmp_path / "photo-wall", "status", "--porcelain") == ""
    assert "uv.lock" in git(tmp_path / "photo-wall", "ls-files")
    answers = (tmp_path / "photo-wall" / ".copier-answers.yml").read_text(encoding="utf-8")
    assert "_commit: v1.0.0\n" in answers
    assert f"_src_path: {template}\n" in answers, "updates come from where the clone came from"
    assert "project_name: photo-wall\n" in answers
    made = subprocess.run(["make", "migrate"], cwd=tmp_path / "photo-wall", env=bare, capture_output=True, text=True)
    assert "is up to date" in made.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([""], "Name the app's folder: make new DEST=../photo-wall"),
        (["photo-wall"], "photo-wall is inside the template's repository. Choose a folder beside it"),
        (["../template"], "template is not empty: it has "),
        (["../clone.txt"], "clone.txt is a file. Choose another name"),
        (["../photo-wall"], "Not a terminal, so the questions can't be asked. To answer them by their defaults: DEF"),
        (["../photo-wall", "--data=iac=pulumi"], "iac: Use a tool such as “sam”: the others are cdk and terraform."),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    small_clone: Path, refusal: Callable[..., str], arguments: list[str], problem: str
) -> None:
    assert problem in refusal(small_clone, *arguments)
    assert not (small_clone.parent / "photo-wall").exists()


def test_without_a_network_it_names_the_address(small_copy: Path, refusal: Callable[..., str], tmp_path: Path) -> None:
    folder = clone(small_copy)
    git(folder, "remote", "set-url", "origin", "https://127.0.0.1:9/template.git")
    problem = refusal(folder, "--defaults", "../photo-wall")
    assert "The template at https://127.0.0.1:9/template.git cannot be read" in problem
    assert not (tmp_path / "photo-wall").exists()


def test_make_hands_over_the_folder_and_the_answers(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    call = ["make", "--silent", "new", "UV=echo", "DEST=../a $(b)", "DATA=iac=cdk aws_region=eu-west-1", "DEFAULTS=1"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=True)
    given = "--defaults --data=iac=cdk --data=aws_region=eu-west-1 -- ../a $(b)"
    assert done.stdout == f"run --quiet --no-dev python new.py {given}\n"
