"""People's files survive: whatever a folder holds, copying, updating and `make demo` leave it as it is, or refuse.

Each folder in FOLDERS is prepared by hand, with a surrounding one that has files, too. `test_nothing_in_the_folder_is_lost`
tries every way to write into it.
"""

import functools
import os
import shutil
import stat
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import copier
import jinja2
import pytest
from cookiecutter.exceptions import CookiecutterException
from cookiecutter.main import cookiecutter

from recorders import make, with_recorders
from releases import commit, committed, copy, git
from rendering import ROOT, rendered


class Link(NamedTuple):
    """A symbolic link."""

    target: str


class File(NamedTuple):
    """A file with permissions of its own."""

    text: str
    mode: int


Entry = str | bytes | Link | File | None
"""What a path is; None is an empty folder."""

OTHER_TEMPLATE = "_commit: 1.2.3\n_src_path: gh:somebody/else\nname: mine\n"
OURS = f"_commit: v1.0.0\n_src_path: {ROOT}\nproject_name: photo-wall\n"

FOLDERS: dict[str, dict[str, Entry]] = {
    "a secret and a thesis": {".env": "TOKEN=hush\n", "thesis.txt": "Chapter 1"},
    "one text": {"thesis.txt": "Chapter 1"},
    "a README": {"README.md": "# Mine\n"},
    "a file named as cookiecutter's stub": {"NOT_GENERATED.md": "Mine.\n"},
    "files named as the template's": {"Makefile": "all:\n", "Dockerfile": "FROM scratch\n", "pyproject.toml": ""},
    "an empty file": {"a": ""},
    "one hidden file": {".gitignore": "*.log\n"},
    "a hidden file with two dots": {"..draft": "mine"},
    "files three folders deep": {"notes/2024/spring/a.txt": "mine"},
    "files six folders deep": {"1/2/3/4/5/a.txt": "mine"},
    "one's own workflow": {".github/workflows/check.yml": "on: push\n"},
    "an editor's settings": {".vscode/settings.json": "{}\n"},
    "a project of another template": {".copier-answers.yml": OTHER_TEMPLATE, "src/main.py": "print()\n"},
    "answers of another template alone": {".copier-answers.yml": OTHER_TEMPLATE},
    "an earlier project with changes": {".copier-answers.yml": OURS, "app/web.py": "# mine\n", "Makefile": "mine:\n"},
    "an earlier project's ignored files": {
        ".copier-answers.yml": OURS,
        ".gitignore": ".env\ndata/\n",
        ".env": "DATABASE_URL=sqlite:///data/app.db\n",
        "data/app.db": b"SQLite format 3\x00\xff",
    },
    "a database alone": {"data/app.db": b"SQLite format 3\x00\xff"},
    "a Terraform state": {"infra/terraform/terraform.tfstate": '{"serial": 7}'},
    "a virtual environment": {".venv/pyvenv.cfg": "home = /usr\n", ".venv/lib/mine.py": "x = 1\n"},
    "installed packages of Node.js": {"node_modules/left-pad/index.js": "//\n", "package.json": "{}\n"},
    "a link to a file elsewhere": {".env": Link("../elsewhere/env"), "../elsewhere/env": "TOKEN=hush\n"},
    "a link to a folder elsewhere": {"app": Link("../elsewhere"), "../elsewhere/web.py": "# mine\n"},
    "a folder that is a link": {".": Link("elsewhere"), "../elsewhere/web.py": "# mine\n"},
    "a link that leads nowhere": {"thesis.txt": Link("/nowhere/thesis.txt"), "a.txt": "mine"},
    "a file that cannot be written": {"thesis.txt": File("Chapter 1", 0o400)},
    "a script": {"deploy": File("#!/bin/sh\n", 0o755), "exec": File("#!/bin/sh\nexit 1\n", 0o644)},
    "names that a shell would read": {"-rf": "mine", "$(touch pwned) `touch pwned` *": "mine", "two\nlines": "mine"},
    "names in other alphabets": {"論文.txt": "一", "é.txt": "composed", "e\u0301.txt": "decomposed"},
    "a repository with a commit": {"thesis.txt": "Chapter 1", ".git": None},
    "a repository with more than is committed": {"thesis.txt": "1", ".git": None, "../later": "", "draft.txt": "2"},
    "a file where the folder would be": {".": "mine"},
    "folders without a file": {"drafts/2024": None, "photos": None},
    "a folder of which the name differs by case": {"../My-App/thesis.txt": "Chapter 1"},
    "nothing": {".": None},
    "nothing but a new repository": {".git": None},
    "a link to an empty folder": {".": Link("elsewhere"), "../elsewhere": None},
}


def prepare(home: Path, entries: dict[str, Entry]) -> Path:
    """Make one of FOLDERS as `my-app` in `home`; give its path."""
    folder = home / "my-app"
    (home / "beside").mkdir()
    (home / "beside" / "diary.txt").write_text("Dear diary")
    for name, entry in entries.items():
        path = Path(os.path.normpath(folder / name))
        path.parent.mkdir(parents=True, exist_ok=True)
        match entry:
            case None if name == ".git":
                git(folder, "init", "--quiet")
                if len(entries) > 1:
                    git(folder, "add", "--all")
                    git(folder, "commit", "--quiet", "--message", "Mine")
            case None:
                path.mkdir(parents=True, exist_ok=True)
            case Link(target):
                path.symlink_to(target)
            case File(text, mode):
                path.write_text(text)
                path.chmod(mode)
            case str():
                path.write_text(entry, encoding="utf-8")
            case bytes():
                path.write_bytes(entry)
    return folder


def contents(home: Path) -> dict[str, tuple[str, int, bytes | str]]:
    """Everything below a folder, links not followed: its kind, its permissions, and what it holds."""
    found: dict[str, tuple[str, int, bytes | str]] = {}
    for path in sorted(home.rglob("*")):
        mode = path.lstat().st_mode
        name = str(path.relative_to(home))
        if path.is_symlink():
            found[name] = ("link", 0, os.readlink(path))
        elif path.is_dir():
            found[name] = ("folder", stat.S_IMODE(mode), "")
        else:
            found[name] = ("file", stat.S_IMODE(mode), path.read_bytes())
    return found


def by_cookiecutter(
    folder: Path, template: Path, *, name: str = "my-app", region: str = "us-east-1", **options: bool
) -> None:
    """Let cookiecutter make a project of that name in the folder that `folder` is in."""
    cookiecutter(
        str(template),
        no_input=True,
        extra_context={"project_name": name, "aws_region": region, "_checks": "no"},
        output_dir=str(folder.parent),
        default_config=True,
        **options,
    )


def by_copier(folder: Path, template: Path) -> None:
    copier.run_copy(str(template), folder, {}, vcs_ref="HEAD", defaults=True, unsafe=True, skip_tasks=True, quiet=True)


def by_copiers_update(folder: Path, template: Path | None = None) -> None:
    copier.run_update(folder, {}, defaults=True, overwrite=True, unsafe=True, quiet=True)


def by_demo(folder: Path, template: Path) -> None:
    subprocess.run(["make", "demo", f"DEMO={folder}", "PORT=none"], cwd=ROOT, check=True, capture_output=True)


WAYS: dict[str, Callable[[Path, Path], None]] = {
    "cookiecutter": by_cookiecutter,
    "cookiecutter -f": functools.partial(by_cookiecutter, overwrite_if_exists=True),
    "cookiecutter -f -s": functools.partial(by_cookiecutter, overwrite_if_exists=True, skip_if_file_exists=True),
    "cookiecutter -f project_name=.": lambda folder, template: by_cookiecutter(
        folder / "x", template, name=".", overwrite_if_exists=True
    ),
    "copier copy": by_copier,
    "copier update": by_copiers_update,
    "make demo": by_demo,
}
BY_COOKIECUTTER = (CookiecutterException, KeyboardInterrupt)
"""How it refuses: the hooks interrupt it, so that it prints no traceback."""
REFUSALS = (
    *BY_COOKIECUTTER,
    copier.errors.CopierError,
    jinja2.TemplateError,
    OSError,
    subprocess.CalledProcessError,
)

NEW = "a folder of which the name differs by case"
"""The one in which there is no `my-app` yet."""
EMPTY = {NEW, "nothing", "nothing but a new repository", "a link to an empty folder"}
GENERATED_IN = {
    "cookiecutter": {NEW},
    "cookiecutter -f": EMPTY,
    "cookiecutter -f -s": EMPTY,
    "copier copy": EMPTY | {"folders without a file"},
}
"""The folders that each way takes; it refuses the others."""


@pytest.fixture(autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home folder of its own: cookiecutter keeps the last answers there."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    warnings.simplefilter("ignore", copier.errors.DirtyLocalWarning)


# Copier leaves a directory iterator open where the folder is a file.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("folder", FOLDERS)
def test_nothing_in_the_folder_is_lost(folder: str, way: str, small_template: Path, tmp_path: Path) -> None:
    project = prepare(tmp_path, FOLDERS[folder])
    before = contents(tmp_path)
    refused = False
    try:
        WAYS[way](project, small_template)
    except REFUSALS:
        refused = True
    after = contents(tmp_path)
    assert {name: after.get(name) for name in before} == before
    assert not refused or after == before, "nothing is half-written"
    assert refused != (folder in GENERATED_IN.get(way, set()))


def test_there_are_at_least_thirty_folders_with_something_to_lose() -> None:
    assert len(FOLDERS.keys() - EMPTY) >= 30


@pytest.mark.parametrize("name", ["..", "../beside/app", "a/b/c", "{home}/beside/app", "My App"])
def test_a_bad_name_makes_no_folder_outside_and_none_that_stays(
    name: str, small_template: Path, tmp_path: Path
) -> None:
    folder = prepare(tmp_path, {"thesis.txt": "Chapter 1"})
    before = contents(tmp_path)
    with pytest.raises(BY_COOKIECUTTER):
        by_cookiecutter(folder / "x", small_template, overwrite_if_exists=True, name=name.format(home=tmp_path))
    assert contents(tmp_path) == before


def test_without_its_hooks_cookiecutter_writes_only_a_note(small_template: Path, tmp_path: Path) -> None:
    folder = prepare(tmp_path, {"README.md": "# Mine\n"})
    before = contents(tmp_path)
    by_cookiecutter(folder, small_template, overwrite_if_exists=True, accept_hooks=False)
    after = contents(tmp_path)
    assert {name: after.get(name) for name in before} == before
    assert after.keys() - before.keys() == {"my-app/NOT_GENERATED.md"}


def test_a_failure_leaves_an_existing_folder(small_template: Path, tmp_path: Path) -> None:
    folder = prepare(tmp_path, {".git": None})
    before = contents(tmp_path)
    with pytest.raises(BY_COOKIECUTTER):
        by_cookiecutter(folder, small_template, overwrite_if_exists=True, region="eu-cental-1")
    assert contents(tmp_path) == before


def test_a_path_with_the_characters_of_a_pattern_is_looked_into(small_template: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos [2024]*?" / "my-app"
    folder.mkdir(parents=True)
    folder.joinpath("thesis.txt").write_text("Chapter 1")
    with pytest.raises(copier.errors.CopierError, match=r"is not empty: it has .*thesis\.txt"):
        by_copier(folder, small_template)
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def test_an_update_keeps_what_git_ignores(small_copy: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Git has no copy of an ignored file, so one that the update would write over stops it."""
    project = committed(copy(small_copy, tmp_path / "photo-wall", "v1.0.0"))
    with (project / ".gitignore").open("a") as file:
        file.write("notes.txt\n.pscale.yml\nmine/\n")
    git(project, "rm", "--quiet", "--cached", ".pscale.yml")
    git(project, "commit", "--quiet", "--all", "--message", "Ignore")
    people = ("notes.txt", ".env", "data/app.db", "mine/thesis.txt", ".venv/lib/mine.py", ".pscale.yml")
    for name in people:
        project.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
        project.joinpath(name).write_text("mine")
    (small_copy / "template" / "notes.txt").write_text("the template's\n")
    (small_copy / "template" / "kit/src/kit/brought.py").write_text('"""Brought."""\n')
    commit(small_copy, "v1.1.0")

    for lost in (".pscale.yml", "notes.txt"):
        before = without_git(contents(project))
        with pytest.raises(copier.errors.TaskError):
            by_copiers_update(project)
        assert without_git(contents(project)) == before
        assert lost in capfd.readouterr().err
        (project / lost).rename(project / "mine" / lost)

    by_copiers_update(project)
    assert (project / "kit/src/kit/brought.py").is_file()
    kept = (".env", "data/app.db", "mine/thesis.txt", ".venv/lib/mine.py", "mine/notes.txt", "mine/.pscale.yml")
    assert {project.joinpath(name).read_text() for name in kept} == {"mine"}


@pytest.mark.parametrize("iac", ["cdk", "sam", "terraform"])
def test_no_target_of_the_apps_makefile_touches_a_file_itself(iac: str, tmp_path: Path) -> None:
    """What the programs do that it calls is their own tests' business."""
    app = with_recorders(shutil.copytree(rendered(iac), tmp_path / "my-app"))
    people = (".env", "data/app.db", f"infra/{iac}/build/mine.txt", f"infra/{iac}/test.tfvars", "uv.lock", ".venv/mine")
    for name in people:
        app.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
        app.joinpath(name).write_text("mine")
    before = contents(app)
    listed = subprocess.run(["make"], cwd=app, capture_output=True, text=True, check=True).stdout
    targets = [line.split()[1] for line in listed.splitlines()]
    assert {"destroy", "deploy", "image", "migrate", "update"} <= set(targets)
    for target in [*targets, "infra-destroy", "infra-apply"]:
        make(app, target)
    assert contents(app) == before


def without_git(found: dict[str, tuple[str, int, bytes | str]]) -> dict[str, tuple[str, int, bytes | str]]:
    """The same without the repository, whose index git refreshes when it is asked for its status."""
    return {name: entry for name, entry in found.items() if not name.startswith(".git/")}
