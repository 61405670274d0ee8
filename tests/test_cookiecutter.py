"""Cookiecutter support: it asks the same questions as copier and generates the same bytes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import copier as api
import pytest

import history
import render as rendered
import rendering
from releases import ANSWERS, commit, committed, copier, git
from rendering import ODD, QUESTIONS, ROOT

ASKED = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))
GIVEN = {
    "plain answers": ANSWERS | {"iac": "cdk"},
    "odd answers": ODD | {"iac": "terraform"},
    "quotes": {"project_description": "''' \"\"\" \\ %s $HOME `id` {x}", "planetscale_organization": "0"},
}
REMOTE = "https://example.com/template.git"
SAM = "aws-sam-cli==1.170.0"


def run_cookiecutter(
    template: Path | str, folder: Path, *context: str, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run cookiecutter's command line."""
    return subprocess.run(
        [sys.executable, "-m", "cookiecutter", "--no-input", "--output-dir", folder, template, *context],
        cwd=cwd,
        env=os.environ | {"PYTHONWARNINGS": "ignore", "PWD": str(cwd or Path.cwd())},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def contents(folder: Path) -> dict[str, tuple[bytes, bool]]:
    """Every file's bytes, and whether it can be run."""
    return {name: (path.read_bytes(), os.access(path, os.X_OK)) for name, path in rendered.files(folder)}


def by_copier(template: Path, folder: Path, answers: dict[str, str]) -> dict[str, tuple[bytes, bool]]:
    """What copier makes of the same template and answers."""
    assert answers.keys() <= QUESTIONS.keys(), "copier ignores an answer to no question"
    api.run_copy(
        str(template), folder, answers, vcs_ref="HEAD", defaults=True, unsafe=True, skip_tasks=True, quiet=True
    )
    return contents(folder)


def test_cookiecutter_and_copier_ask_the_same() -> None:
    public = {name: default for name, default in ASKED.items() if not name.startswith("_")}
    assert list(public) == list(QUESTIONS)
    for name, question in QUESTIONS.items():
        default = question["default"].replace("{{ project_name }}", "{{ cookiecutter.project_name }}")
        default = default.replace("{{ folder_name }}", "my-app")  # cookiecutter's folder is named after the project
        if choices := question.get("choices"):
            assert public[name] == list(choices.values())
            assert public[name][0] == default
            labels = {value: label for label, value in choices.items()}
            assert ASKED["__prompts__"][name] == {"__prompt__": question["help"], **labels}
        else:
            assert public[name] == default
            assert ASKED["__prompts__"][name] == question["help"]


@pytest.mark.parametrize("given", GIVEN)
def test_cookiecutter_and_copier_generate_the_same_bytes(
    cookies, small_template: Path, tmp_path: Path, given: str
) -> None:
    baked = cookies.bake(extra_context=GIVEN[given] | {"_checks": "no"}, template=str(small_template))
    assert (baked.exit_code, baked.exception) == (0, None)
    assert contents(baked.project_path) == by_copier(small_template, tmp_path / "app", GIVEN[given])


def test_cookiecutter_and_copier_generate_the_same_bytes_of_every_file(cookies, app: Path) -> None:
    baked = cookies.bake(extra_context={"_checks": "no"}, template=str(ROOT))
    assert (baked.exit_code, baked.exception) == (0, None)
    assert without_version(baked.project_path) == without_version(app)


def without_version(project: Path) -> dict[str, tuple[bytes, bool]]:
    """The files but for the one with the version, which is another where this work tree has uncommitted changes."""
    return {name: entry for name, entry in contents(project).items() if name != rendered.ANSWERS}


def test_a_template_with_uncommitted_changes_is_recorded_as_its_last_commit_and_the_project_can_be_updated(
    small_copy: Path, tmp_path: Path
) -> None:
    with (small_copy / "template" / "kit/src/kit/web/forms.py").open("a") as file:
        file.write("# not committed\n")
    done = run_cookiecutter(small_copy, tmp_path, "_checks=no")
    assert done.returncode == 0, done.stdout
    assert "v1.0.0; the template's uncommitted changes are in the project, and in no version" in done.stdout
    project = committed(tmp_path / "my-app")
    assert "_commit: v1.0.0\n" in (project / rendered.ANSWERS).read_text(encoding="utf-8")
    git(small_copy, "checkout", "--quiet", "--", ".")
    with (small_copy / "template" / "Dockerfile").open("a") as file:
        file.write("# newer\n")
    commit(small_copy, "v1.1.0")
    done = copier("update", "--trust", "--defaults", project)
    assert done.returncode == 0, done.stdout
    assert "# newer" in (project / "Dockerfile").read_text(encoding="utf-8")
    assert "# not committed" in (project / "kit/src/kit/web/forms.py").read_text(encoding="utf-8")


def test_from_a_repository_elsewhere_its_newest_version_is_taken(
    small_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))  # where cookiecutter keeps a clone
    monkeypatch.setenv("COPIER_CACHE_DIR", str(tmp_path / "cache"))
    git(tmp_path, "clone", "--quiet", "--bare", str(small_template), "template.git")
    address = f"file://{tmp_path}/template.git"
    done = run_cookiecutter(address, tmp_path / "apps", "_checks=no")
    assert done.returncode == 0, done.stdout
    answers = (tmp_path / "apps" / "my-app" / rendered.ANSWERS).read_text(encoding="utf-8")
    assert f"_commit: {history.NEWEST}\n_src_path: {address}\n" in answers


def test_sam_init_generates_the_same_bytes(tmp_path: Path) -> None:
    """SAM CLI as PyPI has it; AWS's packaged builds refuse a template's hooks."""
    context = json.dumps({"_checks": "no", "iac": "cdk"})
    init = ["init", "--no-input", "--location", ROOT, "--output-dir", tmp_path, "--extra-context", context]
    done = subprocess.run(
        [ROOT / "template" / "uvw", "tool", "run", "--quiet", "--from", SAM, "sam", *init],
        env=os.environ | {"SAM_CLI_TELEMETRY": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert without_version(tmp_path / "my-app") == without_version(rendering.rendered("cdk"))


@pytest.mark.parametrize(
    ("helper", "runs"), [("uv", "run --quiet --script"), ("pipx", "run")], ids=lambda value: value.partition(" ")[0]
)
def test_where_copier_is_not_installed_uv_or_pipx_bring_it(
    small_copy: Path, tmp_path: Path, helper: str, runs: str
) -> None:
    (tmp_path / helper).write_text('#!/bin/sh\nprintf "%s" "$*" > "$CALLED"\n')
    (tmp_path / helper).chmod(0o755)
    done = hook(small_copy, tmp_path, CALLED=str(tmp_path / "called"))
    assert done.returncode == 0, done.stderr
    handed_over = {"source": REMOTE, "version": None, "answers": {"iac": "cdk"}, "checks": False}
    call = f"{runs} {small_copy / 'hooks' / 'hand_over.py'} {json.dumps(handed_over)}"
    assert (tmp_path / "called").read_text() == call


def test_where_nothing_can_bring_copier_it_says_what_to_install(small_copy: Path, tmp_path: Path) -> None:
    done = hook(small_copy, tmp_path, UV_DEFAULT_INDEX="http://127.0.0.1:9/simple", XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode != 0
    assert "could not be downloaded from 127.0.0.1" in done.stderr
    assert "Install it: https://docs.astral.sh/uv" in done.stderr


def hook(template: Path, programs: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the hook as cookiecutter does, by a Python without packages; `programs` comes before what a system has."""
    asked = {"_repo_dir": str(template), "_template": REMOTE, "_checks": "no", "iac": "cdk"}
    text = (ROOT / "hooks" / "post_gen_project.py").read_text(encoding="utf-8")
    script = programs / "hook.py"
    script.write_text(text.replace("{{cookiecutter | jsonify | tojson}}", repr(json.dumps(asked))), encoding="utf-8")
    project = programs / "project"
    project.mkdir()
    call = ["sh", "-c", '"$@"; exit $?', "cookiecutter", sys.executable, "-S", script]  # the hook may end its parent
    path = f"{programs}:/usr/bin:/bin"
    return subprocess.run(call, cwd=project, env=os.environ | {"PATH": path} | environ, capture_output=True, text=True)


def test_a_path_that_begins_where_one_stands_is_found(small_copy: Path, tmp_path: Path) -> None:
    done = run_cookiecutter(Path(small_copy.name), tmp_path / "apps", "_checks=no", cwd=small_copy.parent)
    assert done.returncode == 0, done.stdout
    assert f"_src_path: {small_copy}\n" in (tmp_path / "apps" / "my-app" / ".copier-answers.yml").read_text()


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("aws_region=eu-cental-1", "aws_region: Use a region such as “eu-central-1”: AWS has no region of this name."),
        ("project_name=kit", "project_name: Use one such as “photo-wall”: kit is taken by Python or the app."),
    ],
)
def test_a_bad_answer_is_refused_by_one_sentence_and_leaves_nothing(
    small_template: Path, tmp_path: Path, answer: str, sentence: str
) -> None:
    done = run_cookiecutter(small_template, tmp_path, "_checks=no", answer)
    assert done.returncode != 0
    assert done.stdout.strip().splitlines() in ([sentence, "Aborted!"], [sentence, "", "Aborted!"])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_empty_is_refused_by_one_sentence_and_left_alone(tmp_path: Path) -> None:
    tmp_path.joinpath("my-app").mkdir()
    tmp_path.joinpath("my-app", "notes.txt").write_text("mine")
    done = run_cookiecutter(ROOT, tmp_path, "_checks=no", "--overwrite-if-exists")
    assert done.returncode != 0
    assert done.stdout.strip().splitlines()[0].startswith(f"The folder {tmp_path / 'my-app'} is not empty")
    assert "Traceback" not in done.stdout
    assert [path.name for path in tmp_path.joinpath("my-app").iterdir()] == ["notes.txt"]


def test_a_check_that_fails_keeps_the_project(small_copy: Path, tmp_path: Path) -> None:
    (small_copy / "template" / "broken.json").write_text("{,}")
    commit(small_copy, "v1.0.1")
    done = run_cookiecutter(small_copy, tmp_path)
    assert done.returncode != 0
    assert "FAIL  files parse" in done.stdout
    assert "The project is kept" in done.stdout
    assert (tmp_path / "my-app" / "app" / "web.py").is_file()
