"""Updates by the hundred: releases × infrastructures × edits × Git configurations × checkouts × kills × the pipeline.

    python3 template/uvw run python tests/update_matrix.py --count 200 --jobs 2

Each scenario is made from its number alone, so that `--only 17` repeats it. The oracle knows nothing of how an update
works: it compares the work tree before and after. A line of the user's must be there afterwards, or its file be named;
whatever is left to do must be named; and a refusal must have changed nothing, with a next command that works.
"""

import argparse
import difflib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]

import history
import person
import workflows
from releases import commit, copy, git
from rendering import ROOT, TEMPLATE

NEXT = "v1001.0.0"
"""What every scenario is updated to: this work tree, and a file, a folder, a rename, a note and a step more."""
NOTE, NEWS, STEP = "Rename the stage by hand.", "- Days of logs are kept.", "v1001_0_0_days"
TOOLS = ("sam", "cdk", "terraform")
UNDO = "git restore --staged --worktree .; git clean -fd ."
OWN = ("app", "migrations", "tests", "jobs.json", "README.md")
STEP_TEXT = '''"""Write app/days.py, unless there is one."""

from pathlib import Path


def needed(project: Path) -> bool:
    return not (project / "app" / "days.py").exists()


def run(project: Path) -> None:
    if (project / "no-days").exists():
        raise RuntimeError("no-days is in the way")
    (project / "app" / "days.py").write_text("DAYS = 30\\n")
'''


def make_template(folder: Path) -> Path:
    """Make the repository of the template, with all its versions; give its folder."""
    history.make(folder)
    template = folder / "template"
    (template / "LOGDAYS.txt").write_text("The days for which logs are kept.\n30\n")
    (template / "notes").mkdir()
    (template / "notes" / "README.md").write_text("# Notes\nWhat is kept.\n")
    policies = template / "infra" / "policies"
    (policies / "README.md").rename(policies / "GUIDE.md")
    (folder / "hooks" / "steps" / f"{STEP}.py").write_text(STEP_TEXT)
    person.change(folder / "docs" / "upgrading.md", person.adds(f"\n### 1001.0.0 (2030-01-01)\n{NOTE}\n"))
    person.change(folder / "CHANGELOG.md", person.adds(f"{NEWS}\n", after="## Unreleased"))
    commit(folder, NEXT)
    return folder


# What a user does to a project, in a commit.


@dataclass
class Place:
    """A project that is made ready for its update."""

    folder: Path
    old: dict[str, bytes]
    """What its version of the template made, without the user's own files."""
    new: dict[str, bytes]
    """What the next version makes of the same answers."""
    rng: random.Random

    def texts(self) -> list[str]:
        """The template's files to which a line may be added and stay one of its kind."""
        ends = (".py", ".md", ".toml", ".yml", ".mk", ".tf", "Makefile", "Dockerfile", ".gitignore", ".example")
        return [name for name in sorted(self.old) if name.endswith(ends) and (self.folder / name).is_file()]

    def add(self, name: str, line: str) -> None:
        with (self.folder / name).open("ab") as file:
            file.write(line.encode() + b"\n")


def appended(place: Place) -> None:
    for number, name in enumerate(place.rng.sample(place.texts(), 5)):
        place.add(name, f"# my own line {number}")


def white_space(place: Place) -> None:
    for name in place.rng.sample([name for name in place.texts() if name.endswith(".py")], 3):
        place.add(name, "# ends with blanks \t ")


def conflicting(place: Place) -> None:
    for name in [name for name in place.texts() if place.new.get(name, place.old[name]) != place.old[name]][:2]:
        if name == ".copier-answers.yml":
            continue
        old, new = (side[name].decode().splitlines() for side in (place.old, place.new))
        first = next(
            (block for block in difflib.SequenceMatcher(None, old, new).get_opcodes() if block[0] == "replace"), None
        )
        if first:
            old[first[1]] = f"# mine instead of {first[1]}"
            (place.folder / name).write_text("\n".join([*old, ""]))


def edited_and_removed(place: Place) -> None:
    for name in sorted(place.old.keys() - place.new.keys())[:3]:
        place.add(name, "# mine in a file that goes")


def rewritten_readme(place: Place) -> None:
    (place.folder / "README.md").write_text("# Photo wall\nOurs alone.\n")


def shows_a_template(place: Place) -> None:
    place.add(".github/workflows/README.md", "Write {{ project_name }} and {% if iac %} as they are.")


def lines_removed(place: Place) -> None:
    for name in [name for name in place.texts() if name.endswith(".md")][-2:]:
        path = place.folder / name
        lines = path.read_text().splitlines(keepends=True)
        del lines[place.rng.randrange(len(lines))]
        path.write_text("".join(lines))


def files_of_ones_own(place: Place) -> None:
    for name, content in {
        "logo.png": b"\x89PNG\r\n\x1a\n\0\0",
        "app/naïve file.py": b"# mine\n",
        'app/with "quotes".txt': b"mine\n",
        "app/tab\tname.txt": b"mine\n",
        "app/windows.txt": b"mine\r\n",
        "docs/latin.txt": b"caf\xe9\n",
        "infra/mine.txt": b"mine\n",
    }.items():
        (place.folder / name).parent.mkdir(exist_ok=True)
        (place.folder / name).write_bytes(content)


def lived_in(place: Place) -> None:
    for name, edit in person.EDITS.items():
        if (place.folder / name).is_file() and place.old.get(name) == (place.folder / name).read_bytes():
            person.change(place.folder / name, edit)
    for name in (".env.example", ".pscale.yml"):
        (place.folder / name).unlink(missing_ok=True)


def no_last_newline(place: Place) -> None:
    name = place.rng.choice([name for name in place.texts() if name.endswith(".md")])
    (place.folder / name).write_bytes((place.folder / name).read_bytes() + b"mine, without an end")


def both_added(place: Place) -> None:
    (place.folder / "LOGDAYS.txt").write_text("My own days.\n7\n")


def file_link(place: Place) -> None:
    (place.folder / "Makefile").rename(place.folder / "Makefile.mine")
    (place.folder / "Makefile").symlink_to("Makefile.mine")


def step_that_fails(place: Place) -> None:
    (place.folder / "no-days").touch()


def cannot_be_locked(place: Place) -> None:
    (place.folder / "uv.lock").write_text("version = 1\n")
    path = place.folder / "pyproject.toml"
    text, line = path.read_text(), 'constraint-dependencies = ["starlette<0.1"]\n'
    path.write_text(
        text.replace("[tool.uv]\n", f"[tool.uv]\n{line}") if "[tool.uv]\n" in text else f"{text}\n[tool.uv]\n{line}"
    )


def ignores_what_comes(place: Place) -> None:
    place.add(".gitignore", "notes/")


EDITS: list[Callable[[Place], None]] = [
    appended, conflicting, lived_in, white_space, edited_and_removed, files_of_ones_own, rewritten_readme, lines_removed,
    shows_a_template, no_last_newline, both_added, file_link, step_that_fails, cannot_be_locked, ignores_what_comes,
]  # fmt: skip


# What stands in an update's way. A generator: what is before `yield` is committed, what follows is not.

Obstacle = Callable[[Place], Iterator[None]]


def ignored_file(place: Place) -> Iterator[None]:
    place.add(".gitignore", "LOGDAYS.txt")
    yield
    (place.folder / "LOGDAYS.txt").write_text("my secret days\n")


def ignored_folder(place: Place) -> Iterator[None]:
    place.add(".gitignore", "LOGDAYS.txt")
    yield
    (place.folder / "LOGDAYS.txt").mkdir()
    (place.folder / "LOGDAYS.txt" / "a").write_text("my secret days\n")


def ignored_link_to_elsewhere(place: Place) -> Iterator[None]:
    place.add(".gitignore", "LOGDAYS.txt")
    yield
    outside = place.folder.parent / "outside.txt"
    outside.write_text("my days, elsewhere\n")
    (place.folder / "LOGDAYS.txt").symlink_to(outside)


def ignored_file_for_a_folder(place: Place) -> Iterator[None]:
    place.add(".gitignore", "/notes")
    yield
    (place.folder / "notes").write_text("my secret notes\n")


def file_for_a_folder(place: Place) -> Iterator[None]:
    (place.folder / "notes").write_text("my notes\n")
    yield


def other_letter_case(place: Place) -> Iterator[None]:
    (place.folder / "Logdays.TXT").write_text("my days\n")
    yield


def folder_link(place: Place) -> Iterator[None]:
    (place.folder / "kit").rename(place.folder / "kit.mine")
    (place.folder / "kit").symlink_to("kit.mine")
    yield


def not_utf8(place: Place) -> Iterator[None]:
    name = place.rng.choice(place.texts())
    (place.folder / name).write_bytes((place.folder / name).read_bytes() + b"# caf\xe9\n")
    yield


def binary(place: Place) -> Iterator[None]:
    (place.folder / ".env.example").write_bytes(b"mine\0\1\2\n")
    yield


def template_file_not_tracked(place: Place) -> Iterator[None]:
    place.add(".gitignore", "Dockerfile")
    git(place.folder, "rm", "--quiet", "--cached", "Dockerfile")
    yield
    place.add("Dockerfile", "# mine alone")


def assumed_unchanged(place: Place) -> Iterator[None]:
    yield
    git(place.folder, "update-index", "--assume-unchanged", "Makefile")
    place.add("Makefile", "# hidden from git")


def skipped_in_the_work_tree(place: Place) -> Iterator[None]:
    yield
    git(place.folder, "update-index", "--skip-worktree", "Makefile")
    place.add("Makefile", "# hidden from git")


def sparse(place: Place) -> Iterator[None]:
    yield
    git(place.folder, "sparse-checkout", "set", "--no-cone", "/*", "!/infra/")


def left_reject(place: Place) -> Iterator[None]:
    place.add(".gitignore", "*.rej")
    yield
    (place.folder / "mine.rej").write_text("what I kept\n")


def changed(place: Place) -> Iterator[None]:
    yield
    place.add("Makefile", "# not committed")
    (place.folder / "mine.txt").write_text("not committed\n")


def merging(place: Place) -> Iterator[None]:
    yield
    here = git(place.folder, "rev-parse", "HEAD")
    other = git(place.folder, "commit-tree", "-p", here, "-m", "other", "HEAD^{tree}")
    git(place.folder, "merge", "--no-commit", "--no-ff", "--quiet", other)


def rebasing(place: Place) -> Iterator[None]:
    place.add("README.md", "One more.")
    yield
    environ = os.environ | {"GIT_SEQUENCE_EDITOR": "printf 'break\\n' >"}
    subprocess.run(
        ["git", "rebase", "--interactive", "HEAD~1"], cwd=place.folder, env=environ, check=True, capture_output=True
    )


def answers_gone(place: Place) -> Iterator[None]:
    yield
    git(place.folder, "rm", "--quiet", ".copier-answers.yml")
    git(place.folder, "commit", "--quiet", "--message", "Gone")


def answers_in_conflict(place: Place) -> Iterator[None]:
    yield
    path = place.folder / ".copier-answers.yml"
    path.write_text(f"<<<<<<< mine\n{path.read_text()}=======\n>>>>>>> theirs\n")
    git(place.folder, "commit", "--quiet", "--all", "--message", "Markers")


def answer_missing(place: Place) -> Iterator[None]:
    yield
    person.change(place.folder / ".copier-answers.yml", lambda text: text.replace("project_name:", "name:"))
    git(place.folder, "commit", "--quiet", "--all", "--message", "An answer less")


def unknown_version(place: Place) -> Iterator[None]:
    yield
    person.change(
        place.folder / ".copier-answers.yml", lambda text: re.sub(r"_commit: (\S+)", r"_commit: \1-3-gdeadbee", text)
    )
    git(place.folder, "commit", "--quiet", "--all", "--message", "A version that is nowhere")


def unreachable(place: Place) -> Iterator[None]:
    yield
    person.change(
        place.folder / ".copier-answers.yml", lambda text: re.sub(r"_src_path: .*", f"_src_path: {AWAY}", text)
    )
    git(place.folder, "commit", "--quiet", "--all", "--message", "Elsewhere")


def no_repository(place: Place) -> Iterator[None]:
    yield
    dot = place.folder / ".git"
    shutil.rmtree(dot) if dot.is_dir() else dot.unlink()


AWAY = "https://template.invalid/template.git"
"""An address that leads to the template only once `url.*.insteadOf` says so: a network that is back."""

OBSTACLES: list[Obstacle] = [
    ignored_file, ignored_folder, ignored_link_to_elsewhere, ignored_file_for_a_folder, file_for_a_folder,
    other_letter_case, folder_link, not_utf8, binary, template_file_not_tracked, assumed_unchanged,
    skipped_in_the_work_tree, sparse, left_reject, changed, merging, rebasing, answers_gone, answers_in_conflict,
    answer_missing, unknown_version, unreachable, no_repository,
]  # fmt: skip


COMMITTED: list[Obstacle] = [
    file_for_a_folder, other_letter_case, folder_link, not_utf8, binary, answers_gone, answers_in_conflict,
    answer_missing, unknown_version,
]  # fmt: skip
"""Those that a clone has, too."""


# A person's Git.

FAILING_HOOKS = ("pre-commit", "commit-msg", "prepare-commit-msg", "post-checkout", "post-commit")
CONFIGS: list[dict[str, str]] = [
    {},
    {"status.showUntrackedFiles": "no"},
    {"status.showUntrackedFiles": "all"},
    {"color.ui": "always", "color.status": "always", "color.diff": "always", "color.grep": "always"},
    {"core.pager": "false", "pager.diff": "false", "pager.status": "true", "pager.ls-files": "true"},
    {"core.quotePath": "false"},
    {"alias.status": "!false", "alias.diff-tree": "!false", "alias.apply": "!false"},
    {"core.hooksPath": "HOOKS"},
    {"init.templateDir": "TEMPLATE_DIR", "init.defaultBranch": "trunk"},
    {"core.autocrlf": "true"},
    {"core.autocrlf": "input", "core.safecrlf": "true"},
    {"core.autocrlf": "true", "core.safecrlf": "true"},
    {"core.eol": "crlf"},
    {"diff.noprefix": "true"},
    {"diff.mnemonicPrefix": "true", "diff.renames": "copies", "diff.algorithm": "patience"},
    {"diff.external": "false", "diff.orderFile": "ORDER", "diff.interHunkContext": "9"},
    {"diff.suppressBlankEmpty": "true", "diff.context": "0"},
    {"apply.whitespace": "fix"},
    {"apply.whitespace": "error-all", "core.whitespace": "trailing-space,tab-in-indent"},
    {"apply.ignoreWhitespace": "change"},
    {"merge.conflictStyle": "diff3"},
    {"merge.conflictStyle": "zdiff3"},
    {"core.excludesFile": "EXCLUDES"},
    {"core.attributesFile": "ATTRIBUTES"},
    {"commit.gpgSign": "true", "gpg.program": "false", "tag.gpgSign": "true"},
    {"core.fsmonitor": "false-monitor", "core.untrackedCache": "true"},
    {"core.abbrev": "4", "clone.defaultRemoteName": "upstream"},
    {"core.fileMode": "false"},
    {"grep.fullName": "true", "column.ui": "always", "log.showSignature": "true", "format.pretty": "raw"},
    {"submodule.recurse": "true", "index.version": "4", "core.splitIndex": "true"},
    {"environment.LANG": "de_DE.UTF-8", "environment.LANGUAGE": "de"},
    {"environment.GIT_DEFAULT_HASH": "sha256", "environment.GIT_PREFIX": "app/"},
    {"environment.GIT_DIFF_OPTS": "--unified=0", "environment.GIT_EXTERNAL_DIFF": "false"},
]
"""Options of a global configuration; `environment.` stands for a variable."""


def environment(options: dict[str, str], folder: Path) -> dict[str, str]:
    """Give the environment of a person with these options in a global configuration of theirs."""
    folder.mkdir(parents=True, exist_ok=True)
    hooks = folder / "template" / "hooks"
    hooks.mkdir(parents=True)
    for name in FAILING_HOOKS:
        workflows.program(hooks, name, "exit 1")
    (folder / "excludes").write_text("*.md\n.env*\nweb.py\n.vscode/\n")
    (folder / "attributes").write_text("* -diff\n*.md -text\n*.yml merge=union\n")
    (folder / "order").write_text("*.tf\n*.py\n")
    paths = {
        "HOOKS": hooks, "TEMPLATE_DIR": folder / "template", "EXCLUDES": folder / "excludes",
        "ATTRIBUTES": folder / "attributes", "ORDER": folder / "order",
    }  # fmt: skip
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "VIRTUAL_ENV"))}
    environ |= {"HOME": str(folder), "GIT_CONFIG_SYSTEM": os.devnull, "GIT_CONFIG_GLOBAL": str(folder / "gitconfig")}
    environ |= {
        "COPIER_CACHE_DIR": str(folder / "cache"),
        "GIT_EDITOR": "true",
        "PYTHONPATH": str(TEMPLATE / "kit" / "src"),
    }
    if "UV_CACHE_DIR" not in environ:
        environ["UV_CACHE_DIR"] = str(Path("~/.cache/uv").expanduser())
    environ.setdefault("XDG_CACHE_HOME", str(Path("~/.cache").expanduser()))
    for name, value in {"user.name": "Someone", "user.email": "someone@example.com", **options}.items():
        kind, _, rest = name.partition(".")
        if kind == "environment":
            environ[rest] = value
        else:
            command = ["git", "config", "--file", environ["GIT_CONFIG_GLOBAL"], name, str(paths.get(value, value))]
            subprocess.run(command, check=True)
    return environ


# How a project came to lie where it lies. Each gives the project's folder.

Checkout = Callable[[Path, Path], Path]


def in_a_repository_of_its_own(source: Path, base: Path) -> Path:
    return source


def cloned(source: Path, base: Path, *options: str) -> Path:
    git(base, "clone", "--quiet", *options, f"file://{source}", "clone")
    return base / "clone"


def shallow(source: Path, base: Path) -> Path:
    return cloned(source, base, "--depth", "1")


def partial(source: Path, base: Path) -> Path:
    git(source, "config", "uploadpack.allowFilter", "true")
    return cloned(source, base, "--filter=blob:none")


def with_crlf(source: Path, base: Path) -> Path:
    return cloned(source, base, "--config", "core.autocrlf=true")


def detached(source: Path, base: Path) -> Path:
    git(source, "checkout", "--quiet", "--detach")
    return source


def linked_worktree(source: Path, base: Path) -> Path:
    git(source, "worktree", "add", "--quiet", "--detach", str(base / "tree"))
    return base / "tree"


def submodule(source: Path, base: Path) -> Path:
    git(base, "init", "--quiet", "parent")
    git(base / "parent", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(source), "wall")
    return base / "parent" / "wall"


def monorepo(source: Path, base: Path) -> Path:
    shutil.rmtree(source / ".git")
    (base / "mono" / "apps").mkdir(parents=True)
    source.rename(base / "mono" / "apps" / "wall")
    (base / "mono" / "other").mkdir()
    (base / "mono" / "other" / "file.txt").write_text("another app\n")
    git(base / "mono", "init", "--quiet")
    git(base / "mono", "add", "--all")
    git(base / "mono", "commit", "--quiet", "--message", "All")
    return base / "mono" / "apps" / "wall"


def odd_path(source: Path, base: Path) -> Path:
    (base / "my äpps (old)").mkdir()
    return source.rename(base / "my äpps (old)" / "the wall")


def through_a_link(source: Path, base: Path) -> Path:
    (base / "link").symlink_to(source)
    return base / "link"


def of_sha256(source: Path, base: Path) -> Path:
    shutil.rmtree(source / ".git")
    git(source, "init", "--quiet", "--object-format=sha256")
    git(source, "add", "--all")
    git(source, "commit", "--quiet", "--message", "All")
    return source


CHECKOUTS: list[Checkout] = [
    in_a_repository_of_its_own, cloned, shallow, partial, with_crlf, detached, linked_worktree, submodule, monorepo,
    odd_path, through_a_link, of_sha256,
]  # fmt: skip
WAYS = ("make", "kill", "obstacle", "pipeline", "make", "obstacle", "kill")


@dataclass(frozen=True)
class Scenario:
    """One update, made from its number."""

    number: int
    release: str
    iac: str
    answer: str
    """Another tool that is asked for, or ""."""
    edits: tuple[Callable[[Place], None], ...]
    obstacle: Obstacle | None
    config: dict[str, str]
    checkout: Checkout
    way: str

    def __str__(self) -> str:
        edits = "+".join(edit.__name__ for edit in self.edits)
        obstacle = self.obstacle.__name__ if self.obstacle else "-"
        return (
            f"{self.number}: {self.release} {self.iac}{f'→{self.answer}' if self.answer else ''} {edits} {obstacle} "
            f"{self.checkout.__name__} {self.way} {self.config}"
        )


def scenario(number: int) -> Scenario:
    """Make a scenario; every option of every dimension comes up in turn, beside others each time."""
    rng = random.Random(number)
    releases = [*history.versions(), history.NEWEST]
    way = WAYS[number % len(WAYS)]
    iac = TOOLS[(number // len(releases)) % len(TOOLS)]
    turn = number // len(WAYS)
    obstacle = None
    if way == "obstacle":
        obstacle = OBSTACLES[(2 * turn + (number % len(WAYS) == 5)) % len(OBSTACLES)]
    elif way == "pipeline" and turn % 3 == 2:
        obstacle = COMMITTED[turn % len(COMMITTED)]
    checkout = (
        in_a_repository_of_its_own
        if way == "pipeline"
        else CHECKOUTS[(number + number // len(CHECKOUTS)) % len(CHECKOUTS)]
    )
    if obstacle is no_repository:
        checkout = in_a_repository_of_its_own
    return Scenario(
        number=number,
        release=releases[number % len(releases)],
        iac=iac,
        answer=rng.choice([tool for tool in TOOLS if tool != iac]) if rng.random() < 0.15 else "",
        edits=tuple({EDITS[number % len(EDITS)]: 0} | dict.fromkeys(rng.sample(EDITS, 2))),
        obstacle=obstacle,
        config=CONFIGS[(number * 5 + number // len(CONFIGS)) % len(CONFIGS)],
        checkout=checkout,
        way=way,
    )


@dataclass
class Result:
    """What an update came to, and what is wrong with that."""

    scenario: str
    outcome: str = ""
    wrong: list[str] = field(default_factory=list)
    output: str = ""
    refusals: int = 0
    killed: bool = False
    """Whether it was killed after it had begun to write, and before it had ended."""
    seconds: float = 0.0


class Run:
    """Plays one scenario in a folder of its own."""

    def __init__(self, plan: Scenario, template: Path, bases: Path, folder: Path) -> None:
        self.plan, self.template, self.bases, self.base = plan, template, bases, folder
        self.result = Result(str(plan))
        self.rng = random.Random(plan.number)
        self.arguments = ["--data", f"iac={plan.answer}"] if plan.answer else []

    def play(self) -> Result:
        """Play it; give the result."""
        begun = time.monotonic()
        self.prepare()
        self.before = snapshot(self.project)
        play = {"make": self.by_make, "obstacle": self.by_make, "kill": self.killed, "pipeline": self.by_pipeline}
        play[self.plan.way]()
        self.result.seconds = time.monotonic() - begun
        return self.result

    def prepare(self) -> None:
        """Make the project, with its edits and what stands in the way."""
        self.base.mkdir(parents=True)
        source = self.base / "wall"
        rendered = self.rendered(self.plan.release, self.plan.iac)
        if "iac:" not in (rendered / ".copier-answers.yml").read_text():  # a release that did not ask for it
            self.plan = replace(self.plan, iac="sam", answer="")
            self.arguments = []
        shutil.copytree(rendered, source, symlinks=True)
        self.old = template_files(rendered)
        self.new = template_files(self.rendered(NEXT, self.plan.answer or self.plan.iac))
        git(source, "init", "--quiet", "--initial-branch", "main")
        git(source, "add", "--all")
        git(source, "commit", "--quiet", "--message", "Generate")
        place = Place(source, self.old, self.new, self.rng)
        for edit in self.plan.edits:
            edit(place)
        obstacle = self.plan.obstacle(place) if self.plan.obstacle else iter(())
        next(obstacle, None)
        git(source, "add", "--all")
        git(source, "commit", "--quiet", "--allow-empty", "--message", "As we like it")
        self.project = self.plan.checkout(source, self.base)
        place.folder = self.project
        self.environ = environment(self.plan.config, self.base / "home")
        next(obstacle, None)
        # A configuration that changes what a checkout looks like is there before the checkout, and so before the update.
        subprocess.run(["git", "status"], cwd=self.project, env=self.environ, capture_output=True, check=False)

    def rendered(self, version: str, iac: str) -> Path:
        """Give what a version makes of the answers; rendered once for all scenarios."""
        folder = self.bases / f"{version}-{iac}"
        if not folder.is_dir():
            partly = folder.with_name(f"{folder.name}.{os.getpid()}")
            copy(self.template, partly, version, iac=iac)
            try:
                partly.rename(folder)
            except OSError:  # another process was faster
                shutil.rmtree(partly)
        return folder

    @property
    def cannot_be_locked(self) -> bool:
        """Whether the update touches dependencies that cannot be locked."""
        name = "pyproject.toml"
        return cannot_be_locked in self.plan.edits and self.old.get(name) != self.new.get(name)

    def update(self, *arguments: str) -> tuple[int, str]:
        """Run what `make update` runs, with the programs of this work tree."""
        done = subprocess.run(
            [*PROGRAM, *arguments],
            cwd=self.project,
            env=self.environ | {"PWD": str(self.project)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        self.result.output += f"\n$ update {' '.join(arguments)}\n{done.stdout}"
        if "Traceback" in done.stdout:
            self.wrong("a traceback")
        return done.returncode, done.stdout

    def wrong(self, what: str) -> None:
        self.result.wrong.append(what)

    def by_make(self) -> None:
        """Update, as often as a refusal says what to do first."""
        code, output = self.update(*self.arguments)
        while refused(output) and self.result.refusals < 5:
            self.result.refusals += 1
            if code != 1:
                self.wrong(f"refused with {code}")
            if not self.follow(output):
                self.result.outcome = "refused"
                return
            code, output = self.update(*self.arguments)
        if self.plan.obstacle and not self.result.refusals:
            self.wrong("nothing was refused")
        self.judge(code, output)

    def follow(self, output: str) -> bool:
        """Check a refusal, and do what it says."""
        if snapshot(self.project) != self.before:
            self.wrong("a refusal changed something")
        message = output[output.index("Nothing was changed") :]
        said = output[: output.index("Nothing was changed")].rstrip().rpartition("\n\n")[2].rpartition(" …\n")[2]
        if len((said + message).strip().splitlines()) > 3:
            self.wrong(f"a refusal of more than three lines: {said + message}")
        found = re.search(r"^Next: (.+?)(?:   \((.+)\))?$", message, re.MULTILINE)
        if not found:
            self.wrong("a refusal without a next command")
            return False
        command = found[1]
        if AWAY in output:
            environ = self.environ  # the network is back
            options = [
                "git",
                "config",
                "--file",
                environ["GIT_CONFIG_GLOBAL"],
                f"url.file://{self.template}.insteadOf",
                AWAY,
            ]
            subprocess.run(options, check=True)
        if command.startswith("make update"):
            return True
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.project, env=self.environ, capture_output=True, text=True, check=False
        )
        self.result.output += f"\n$ {command}\n{done.stdout}{done.stderr}"
        if done.returncode:
            self.wrong(f"the next command fails: {command}")
            return False
        self.before = snapshot(self.project) | {
            f"kept/{n}": c for n, c in self.before.items() if n not in snapshot(self.project)
        }
        kept = self.base / "home" / f"kept-from-{self.project.name}"
        lost = {
            name
            for name, content in self.before.items()
            if name.startswith("kept/") and content not in {*snapshot(kept).values(), *snapshot(self.project).values()}
        }
        if lost and not command.startswith("git stash") and self.plan.obstacle is not folder_link:
            self.wrong(f"the next command lost {lost}")
        self.before = snapshot(self.project)
        return True

    def judge(self, code: int, output: str) -> None:
        """Compare the work tree before and after an update that was not refused."""
        after = snapshot(self.project)
        self.result.outcome = "brought" if code == 0 else "left to settle"
        if f"_commit: {NEXT}".encode() not in after.get(".copier-answers.yml", b""):
            self.wrong("the update did not arrive")
            return
        for name, content in self.before.items():
            own = name.partition("/")[0] in OWN
            template = set() if own else lines(self.old.get(name, b""))
            mine = lines(content) - template
            there = lines(after.get(name, b"")) | {line[1:].strip() for line in lines(after.get(f"{name}.rej", b""))}
            if gone := mine - there:
                if name not in output:
                    self.wrong(f"lost, and not named: {name}: {sorted(gone)[:3]}")
                elif own:
                    self.wrong(f"the user's own file was changed: {name}")
        marked = [
            name
            for name, text in after.items()
            if re.search(rb"^(<{7} before|>{7} after) updating\r?$", text, re.MULTILINE)
        ]
        rejected = [name for name in after.keys() - self.before.keys() if name.endswith(".rej")]
        for name in [*marked, *rejected]:
            if name not in output:
                self.wrong(f"a conflict that is not named: {name}")
        if (marked or rejected) and code == 0:
            self.wrong("conflicts, and 0")
        self.told(output)
        for name in self.new.keys() - after.keys():
            if not (name in self.old and name not in self.before):
                self.wrong(f"did not arrive: {name}")
        if step_that_fails in self.plan.edits:
            self.goes_on(code, output)
        if self.cannot_be_locked and (
            code == 0 or "dependencies are locked" not in output.partition("This is wrong:")[2]
        ):
            self.wrong("a failed lock is not told")
        if (
            file_link in self.plan.edits
            and self.new.get("Makefile") != self.old.get("Makefile")
            and "    Makefile" not in output
        ):
            self.wrong("a link that was left alone is not named")
        if ignores_what_comes in self.plan.edits and "    notes/README.md" not in output:
            self.wrong("an ignored file that came is not named")
        if self.plan.answer and f"iac: {self.plan.iac} → {self.plan.answer}" not in output:
            self.wrong("another answer is not told")

    def told(self, output: str) -> None:
        if NOTE not in output:
            self.wrong("the note is not told")
        if NEWS not in output:
            self.wrong("the news is not told")
        if STEP not in output:
            self.wrong("the step is not told")

    def goes_on(self, code: int, output: str) -> None:
        """Correct what the failed step complains of, and update again."""
        if code == 0 or f"step {STEP} failed" not in output:
            self.wrong("a failed step is not told")
        (self.project / "no-days").unlink(missing_ok=True)
        _, again = self.update()
        if not (self.project / "app" / "days.py").exists():
            self.wrong("a failed step is not done by the next update")
        if NOTE not in again:
            self.wrong("the note is not told again")

    def killed(self) -> None:
        """Kill the update at some moment, undo it, and update once more."""
        process = subprocess.Popen(
            [*PROGRAM, *self.arguments], cwd=self.project, env=self.environ, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        limit, begun = self.moment(), time.monotonic()
        while process.poll() is None and not limit(time.monotonic() - begun):
            time.sleep(0.002)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            self.result.killed = True
        process.wait()
        lock = Path(git(self.project, "rev-parse", "--git-path", "index.lock"))
        (self.project / lock).unlink(missing_ok=True)  # as Git says itself
        undone = subprocess.run(
            ["bash", "-c", UNDO], cwd=self.project, env=self.environ, capture_output=True, text=True, check=False
        )
        if undone.returncode:
            self.wrong(f"the undo fails: {undone.stderr}")
        after = snapshot(self.project)
        # Line ends may differ where the update had brought .gitattributes: for Git both are the same.
        if lost := {name for name, content in self.before.items() if not same(after.get(name), content)}:
            self.wrong(f"the undo did not bring back {sorted(lost)[:3]}")
        if left := {name for name in after.keys() - self.before.keys() if not same(after[name], self.new.get(name))}:
            self.wrong(f"the undo left {sorted(left)[:3]}")
        code, output = self.update(*self.arguments)
        if refused(output):
            self.wrong("after the undo the update is refused")
            return
        self.judge(code, output)

    def moment(self) -> Callable[[float], bool]:
        """Give what says whether it is time to kill: most moments are after the first file was written."""
        wait = self.rng.random()
        seen: list[float] = []

        def due(elapsed: float) -> bool:
            if self.rng.random() < 0.02 and not seen and self.touched():
                seen.append(elapsed)
            return bool(seen) and elapsed - seen[0] > wait * 1.5

        return due

    def touched(self) -> bool:
        """Whether the update has written to the project."""
        answers = self.project / ".copier-answers.yml"
        notes = self.project / "notes"
        return notes.exists() or not answers.is_file() or answers.read_bytes() != self.before[".copier-answers.yml"]

    def by_pipeline(self) -> None:
        """Run the steps of update.yml, twice: the second week nothing is green in silence, either."""
        from test_workflow_steps import GitHub

        origin = self.base / "origin.git"
        git(self.base, "clone", "--quiet", "--bare", str(self.project), str(origin))
        git(self.project, "remote", "add", "origin", str(origin))
        github = self.base / "runner"
        github.mkdir()
        GitHub(github, [])
        call = " ".join([*PROGRAM, *self.arguments])
        workflows.program(github / "bin", "make", f'[ "$1" = update ] || exit 9\nexec {call} --report "${{2#REPORT=}}"')
        app = self.rendered(NEXT, self.plan.iac)
        self.environ["RUNNER_TEMP"] = str(github)
        for week in (1, 2):
            git(self.project, "checkout", "--quiet", "--force", "main")
            subprocess.run(
                ["git", "branch", "--quiet", "--delete", "--force", f"template-{NEXT}"],
                cwd=self.project,
                capture_output=True,
                check=False,
            )
            subprocess.run(["git", "clean", "-fdq"], cwd=self.project, check=True)
            environ = self.environ | {"GITHUB_OUTPUT": str(github / "output")}
            code, output = self.step(app, "make update", github, environ)
            draft = workflows.outputs(github / "x").get("draft", "")
            if code == 0:
                code, more = self.step(app, "git switch", github, environ | {"DRAFT": draft})
                output += more
            self.result.output += f"\n# week {week}: {code}\n{output}"
            made = github / "pulls.json"
            pulls = json.loads(made.read_text()) if made.exists() else []
            if code:
                self.result.outcome = "red"
                if "::error::" not in output:
                    self.wrong("red without a reason")
                if not self.plan.obstacle:
                    self.wrong("red, and nothing stands in the way")
            elif self.plan.obstacle:
                self.wrong("green, though something stands in the way")
            elif not pulls:
                self.wrong("green, and nothing says why")
            elif week == 2 and "::warning::" not in output:
                self.wrong("green in the second week without a word")
            else:
                self.result.outcome = "proposed"
                self.proposed(pulls[0], origin)

    def step(self, app: Path, words: str, github: Path, environ: dict[str, str]) -> tuple[int, str]:
        (github / "output").write_text("")
        done = subprocess.run(
            ["bash", "-e", "-c", workflows.step(app, "update.update", words)],
            cwd=self.project, env=environ | {"PATH": f"{github / 'bin'}:{environ['PATH']}"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
        )  # fmt: skip
        return done.returncode, done.stdout

    def proposed(self, pull: dict[str, str], origin: Path) -> None:
        """Check what the pull request says against what is in its branch."""
        body = pull["body"]
        self.told(body)
        files = git(origin, "ls-tree", "-r", "-z", "--name-only", pull["head"]).split("\0")
        for name in filter(None, files):
            text = subprocess.run(
                ["git", "show", f"{pull['head']}:{name}"], cwd=origin, capture_output=True, check=True
            ).stdout
            if re.search(rb"^<{7} before updating\r?$", text, re.MULTILINE) and (name not in body or not pull["draft"]):
                self.wrong(f"a conflict is not in the pull request: {name}")
        failures = {
            f"step {STEP} failed": step_that_fails in self.plan.edits,
            "dependencies are locked": self.cannot_be_locked,
        }
        for words, expected in failures.items():
            if expected and (words not in body or not pull["draft"]):
                self.wrong(f"the pull request does not say: {words}")


PROGRAM = (sys.executable, "-P", "-W", "ignore", "-m", "kit", "update")


def refused(output: str) -> bool:
    """Whether an update ended with a refusal."""
    return "Nothing was changed" in output


def snapshot(folder: Path) -> dict[str, bytes]:
    """Give every file below a folder, ignored ones too, but for Git's own; of a link its target."""
    found = {}
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git"]
        links = [name for name in folders if Path(here, name).is_symlink()]
        for name in [*names, *links]:
            path = Path(here, name)
            if name != ".git":
                content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
                found[path.relative_to(folder).as_posix()] = content
    return found


def same(content: bytes | None, other: bytes | None) -> bool:
    """Whether two files are equal but for their line ends."""
    return (content or b"").replace(b"\r\n", b"\n") == (other or b"").replace(b"\r\n", b"\n")


def lines(text: bytes) -> set[bytes]:
    """Give a text's lines, without white space around them."""
    return {stripped for line in text.splitlines() if (stripped := line.strip())}


def template_files(folder: Path) -> dict[str, bytes]:
    """Give the files of a render that are not the user's own."""
    return {name: content for name, content in snapshot(folder).items() if name.partition("/")[0] not in OWN}


def play(number: int, work: Path, keep: bool = False) -> Result:
    """Play a scenario in a folder below `work`, which holds the template; give the result."""
    folder = work / f"run-{number}"
    shutil.rmtree(folder, ignore_errors=True)
    plan = scenario(number)
    try:
        return Run(plan, work / "template", work / "bases", folder).play()
    except Exception:  # noqa: BLE001  (a scenario that cannot be played must not end the others)
        return Result(str(plan), "not played", [traceback.format_exc()])
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Play a number of scenarios, and print what is wrong; give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="how many scenarios (200)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first")
    parser.add_argument("--only", type=int, nargs="*", help="these alone, whose folders and output are kept")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once (2)")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "updates", help="a folder for all of it")
    arguments = parser.parse_args()
    work: Path = arguments.work.resolve()
    shutil.rmtree(work / "template", ignore_errors=True)
    shutil.rmtree(work / "bases", ignore_errors=True)
    (work / "bases").mkdir(parents=True)
    make_template(work / "template")
    numbers = arguments.only or range(arguments.first, arguments.first + arguments.count)
    results = []
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for result in pool.map(play, numbers, [work] * len(numbers), [bool(arguments.only)] * len(numbers)):
            results.append(result)
            print(
                f"{'ok  ' if not result.wrong else 'FAIL'} {result.seconds:5.1f} s {result.outcome:15} {result.scenario}",
                flush=True,
            )
            for problem in result.wrong:
                print(f"       {problem}", flush=True)
            if arguments.only or result.wrong:
                (work / f"{result.scenario.partition(':')[0]}.log").write_text(result.output)
    outcomes = {
        outcome: sum(result.outcome == outcome for result in results)
        for outcome in {result.outcome for result in results}
    }
    wrong = sum(bool(result.wrong) for result in results)
    refusals = sum(result.refusals for result in results)
    killed = sum(result.killed for result in results)
    print(
        f"{len(results)} updates: {outcomes}, {killed} killed while they wrote, {refusals} refusals followed, "
        f"{wrong} with something wrong"
    )
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
