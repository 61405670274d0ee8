"""The questions: what each accepts, and what it says of an answer that it does not."""

import keyword
import os
import re
import runpy
import shutil
import sys
import tempfile
import tomllib
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path

import boto3
import copier
import pexpect
import pytest
import yaml
from copier.errors import DirtyLocalWarning, UserMessageError

from rendering import CONFIG, QUESTIONS, ROOT, TEMPLATE, render

GOOD = {
    "project_name": ["ab", "a1", "photo-wall", "a-b-c-d", "x" * 30, "my-aws", "sgx"],
    "project_description": [
        "x",
        "x" * 120,
        'Say "hi" \\ & <b>it\'s</b>',
        "みんなの壁 🎉",
        "جدار للجميع",
        "100 % {fun}",
    ],
    "aws_region": ["us-east-1", "ap-northeast-1", "eu-central-2", "us-gov-west-1"],
    "planetscale_organization": ["my-org", "0rg", "a_b", "x" * 63],
    "planetscale_database": ["my-app", "a_b", "7"],
    "iac": ["sam", "cdk", "terraform"],
}
BAD = {
    "project_name": [
        *("", " ", "a", "My App!", "1app", "app-", "-app", "a--b", "a_b", "naïve", "x" * 31, "x" * 80, "ab\n", "a b"),
        *("aws-wall", "awswall", "ssm", "sg", "sg-1"),
        *("app", "kit", "test", "tests", "class", "import", "starlette", "sqlalchemy"),
    ],
    "project_description": ["", "  ", "x" * 121, "two\nlines", "a\ttab", "{{ it }}", "{% it %}"],
    "aws_region": ["", "us-east", "eu-cental-1", "US-EAST-1", "us-east-1a", "us-east-1\n"],
    "planetscale_organization": ["", "My Org", "-org", "a/b", "x" * 64],
    "planetscale_database": ["", "My App", "a.b", "ab\n"],
    "iac": ["", "SAM", "pulumi"],
}


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What asks the questions of this template, with the only files that show the answers; in no repository."""
    folder = tmp_path_factory.mktemp("questions")
    shutil.copytree(ROOT / "hooks", folder / "hooks", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "copier.yml", folder)
    folder.joinpath(TEMPLATE.name).mkdir()
    for name in ("{{ _copier_conf.answers_file }}.jinja", "pyproject.toml.jinja"):
        shutil.copy(TEMPLATE / name, folder / TEMPLATE.name)
    return folder


def cases(answers: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(question, answer) for question, each in answers.items() for answer in each]


def test_every_question_is_tried() -> None:
    assert GOOD.keys() == BAD.keys() == QUESTIONS.keys()


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_has_help_a_default_and_a_validator(name: str) -> None:
    assert QUESTIONS[name]["help"].strip()
    assert QUESTIONS[name]["default"]
    assert QUESTIONS[name].get("validator") or QUESTIONS[name]["choices"]


@pytest.mark.parametrize("number", range(max(map(len, GOOD.values()))))
def test_good_answers_are_kept_as_they_were_given(template: Path, tmp_path: Path, number: int) -> None:
    given = {question: answers[number % len(answers)] for question, answers in GOOD.items()}
    app = render(tmp_path / "app", template=template, **given)
    kept = yaml.safe_load((app / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert {question: kept[question] for question in given} == given


@pytest.mark.parametrize(("question", "answer"), cases(BAD))
def test_a_bad_answer_is_refused_with_an_example_and_nothing_is_written(
    template: Path, tmp_path: Path, question: str, answer: str
) -> None:
    with pytest.raises(UserMessageError, match=f"{question}: .* such as “") as refusal:
        render(tmp_path / "app", template=template, **{question: answer})
    assert not (tmp_path / "app").exists()
    sentence = re.fullmatch(rf"'None' has no attribute '{question}: (.* such as “(.+?)”): (.+)'", refusal.value.message)
    assert sentence
    accepted(template, question, sentence[2])
    # On a terminal, where Copier shows a validator's sentence in the last line, and cuts it there.
    assert len(f"Validation error for question '{question}': {sentence[1]}") <= 80
    assert len(f"{sentence[1]}: {sentence[3]}") <= 80


@pytest.fixture
def refused(template: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run Copier's command line, in this process, to a refusal; return the line that it prints."""

    def run(folder: Path, *arguments: str) -> str:
        call = ["copier", "copy", "--defaults", "--skip-tasks", *arguments, str(template), str(folder)]
        monkeypatch.setattr(sys, "argv", call)
        with pytest.raises(SystemExit) as exit_:
            runpy.run_module("copier", run_name="__main__")
        assert exit_.value.code == 1
        (line,) = capfd.readouterr().err.strip().splitlines()
        return line

    return run


@pytest.mark.parametrize(("question", "answers"), BAD.items())
def test_a_bad_answer_on_the_command_line_is_refused_in_one_line(
    refused: Callable[..., str], tmp_path: Path, question: str, answers: list[str]
) -> None:
    line = refused(tmp_path / "app", f"--data={question}={answers[-1]}")
    assert re.search(rf"{question}: .* such as “.+”: ", line)


def test_every_question_is_whole_on_a_terminal_of_80_columns() -> None:
    for question in QUESTIONS.values():
        assert len(f"🎤 {question['help']}") < 80  # its first character takes two columns
        assert all(len(f"   » {label}") < 80 for label in question.get("choices", ()))


def test_a_bad_answer_on_a_terminal_is_refused_at_once_with_an_example(template: Path, tmp_path: Path) -> None:
    call = ["-m", "copier", "copy", "--vcs-ref", "HEAD", "--skip-tasks", str(template), str(tmp_path / "app")]
    environ = os.environ | {"PYTHONWARNINGS": "ignore", "TERM": "xterm"}
    with pexpect.spawn(sys.executable, call, env=environ, dimensions=(24, 80), encoding="utf-8", timeout=30) as copier:
        copier.expect_exact("Name of the project")
        copier.expect_exact("my-app")
        copier.send("\x15My App\r")
        copier.expect_exact("Use a name such as “photo-wall”")
        copier.send("\x15photo-wall\r")
        copier.expect_exact("Description")


@cache
def accepted(template: Path, question: str, answer: str) -> None:
    """Fail unless the question takes the answer; each is tried once."""
    with tempfile.TemporaryDirectory() as folder:
        render(Path(folder) / "app", template=template, **{question: answer})


def test_the_regions_are_those_that_aws_has() -> None:
    session = boto3.Session()
    public = {"aws", "aws-cn", "aws-us-gov", "aws-eusc"} & set(session.get_available_partitions())
    known = {region for name in public for region in session.get_available_regions("lambda", partition_name=name)}
    regions = (ROOT / "hooks" / "validators.jinja").read_text(encoding="utf-8").partition("aws_region")[2]
    asked = set(re.findall(r"[a-z]+-[a-z-]+-\d", regions.partition("{%- if")[0]))
    assert asked == known


def test_no_name_is_taken_twice(app: Path, installed_app: Path) -> None:
    taken = set(yaml.safe_load(CONFIG["taken_names"]["default"]))
    packages = tomllib.loads((installed_app / "uv.lock").read_text(encoding="utf-8"))["package"]
    folders = {path.name for path in app.iterdir() if path.is_dir() and not path.name.startswith(".")}
    keywords = {word for word in keyword.kwlist if word.islower()}
    assert {package["name"] for package in packages} - {"my-app"} | folders | keywords <= taken


def test_a_folder_with_something_in_it_is_left_alone(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert re.search(r"is not empty: it has .*notes\.txt\. Choose another folder", refused(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_with_a_fresh_repository_is_taken(template: Path, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    assert (render(tmp_path, template=template) / "pyproject.toml").is_file()


def test_the_template_is_where_copier_looks() -> None:
    assert CONFIG["_subdirectory"] == TEMPLATE.name


def name_in(template: Path, folder: Path) -> str:
    """The project's name in a copy to this folder, whose questions were answered by Return."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DirtyLocalWarning)
        copier.run_copy(str(template), folder, defaults=True, vcs_ref="HEAD", skip_tasks=True, quiet=True)
    name: str = tomllib.loads((folder / "pyproject.toml").read_text())["project"]["name"]
    return name


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("photo-wall", "photo-wall"),
        ("x1", "x1"),
        ("Photo Wall", "my-app"),
        ("photo_wall", "my-app"),
        ("kit", "my-app"),
        ("a", "my-app"),
        ("x" * 31, "my-app"),
    ],
)
def test_the_name_that_is_offered_is_the_folders_if_it_is_valid(
    template: Path, tmp_path: Path, folder: str, expected: str
) -> None:
    assert name_in(template, tmp_path / folder) == expected


def test_the_name_of_the_current_folder_is_offered(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.joinpath("photo-wall").mkdir()
    monkeypatch.chdir(tmp_path / "photo-wall")
    assert name_in(template, Path()) == "photo-wall"
