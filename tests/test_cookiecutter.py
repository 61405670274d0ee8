"""The second door: `cookiecutter` asks the same questions, and gives byte for byte what copier gives."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import render as rendered
from releases import commit, copier, git
from rendering import QUESTIONS, ROOT, render

ASKED = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))
ANSWERS = [
    {},
    {"project_name": "photo-wall", "aws_region": "ap-northeast-1", "planetscale_organization": "0"},
    {"project_description": "Say \"hi\" \\ & ''' <b>it's</b> {x} %s: みんなの壁 🎉", "planetscale_database": "1e3"},
]


def door(template: Path, folder: Path, *context: str) -> subprocess.CompletedProcess[str]:
    """Run cookiecutter's command line, as a person would."""
    return subprocess.run(
        [sys.executable, "-m", "cookiecutter", "--no-input", "--output-dir", folder, template, *context],
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_both_doors_ask_the_same() -> None:
    public = {name: default for name, default in ASKED.items() if not name.startswith("_")}
    assert list(public) == list(QUESTIONS)
    assert public == {
        name: question["default"].replace("{{ project_name }}", "{{ cookiecutter.project_name }}")
        for name, question in QUESTIONS.items()
    }
    assert ASKED["__prompts__"] == {name: question["help"] for name, question in QUESTIONS.items()}


@pytest.mark.parametrize("answers", ANSWERS, ids=["default", "names", "odd"])
def test_both_doors_give_the_same_files(cookies, tmp_path: Path, answers: dict[str, str]) -> None:
    baked = cookies.bake(extra_context=answers | {"_checks": "no"}, template=str(ROOT))
    assert (baked.exit_code, baked.exception) == (0, None)

    def contents(folder: Path) -> dict[str, bytes]:
        files = {name: path.read_bytes() for name, path in rendered.files(folder)}
        kept = files[rendered.ANSWERS].splitlines()
        # The tree of a developer may hold changes, which copier takes as a commit of the moment.
        return files | {rendered.ANSWERS: b"\n".join(line for line in kept if not line.startswith(b"_commit"))}

    assert contents(baked.project_path) == contents(render(tmp_path / "app", **answers))


def test_what_comes_through_the_second_door_can_be_updated(template: Path, tmp_path: Path) -> None:
    assert door(template, tmp_path, "_checks=no").returncode == 0
    project = tmp_path / "my-app"
    git(project, "init", "--quiet")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "mine")
    with (template / "template" / "kit" / "forms.py").open("a") as file:
        file.write("# newer\n")
    commit(template, "v1.1.0")
    done = copier("update", "--trust", "--defaults", project)
    assert done.returncode == 0, done.stdout
    assert (project / "kit" / "forms.py").read_text(encoding="utf-8").endswith("# newer\n")


def test_a_bad_answer_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    done = door(ROOT, tmp_path, "_checks=no", "aws_region=eu-cental-1")
    assert done.returncode != 0
    assert "Take a region such as “eu-central-1”" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_check_that_fails_keeps_the_project(template: Path, tmp_path: Path) -> None:
    (template / "template" / "broken.json").write_text("{,}")
    commit(template, "v1.0.1")
    done = door(template, tmp_path)
    assert done.returncode != 0
    assert "FAIL  files parse" in done.stdout
    assert "The project is kept" in done.stdout
    assert (tmp_path / "my-app" / "app" / "web.py").is_file()
