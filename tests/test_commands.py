"""Commands in pages and messages work on a machine that has only Python, git and make."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from rendering import ROOT, TEMPLATE

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [ROOT / "README.md", *ROOT.glob("docs/*.md"), *TEMPLATE.rglob("*.md"), TEMPLATE / "README.md.jinja"]
    if ".venv" not in path.parts
)
MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [*TEMPLATE.glob("kit/src/**/*.py"), *TEMPLATE.glob("app/*.py"), *ROOT.glob("hooks/**/*.py")]
)
INSTALLED = "alembic|copier|mypy|pip|pip3|pipx|pytest|python|ruff|uv|uvicorn|uvx"
"""Programs that such a machine doesn't have on its PATH, or that don't have the project's packages there."""
COMMAND = rf"(?:{INSTALLED}) (?:[\w./-]+)[^`\n]*"
ELSEWHERE = {
    "README.md": ["uvx copier copy", "pipx run"],  # for those who have one of them: `make new` needs neither
    "hooks/build.py": ["uv x failed"],  # no command
    "template/kit/docs/jobs.md": ["python -m kit jobs task"],  # what the container of a task runs
    "template/kit/src/kit/cli/main.py": ["python -m kit"],  # about a command that was typed so, in the image
    "template/kit/src/kit/oneoff.py": ["python -m kit.oneoff"],  # inside a task
    "template/kit/src/kit/jobs/discovery.py": ["python -m kit jobs manifest"],
}
"""Commands that are right where they are run."""
ABOUT = {"copier update", "copier recopy"}
"""Commands that pages speak of, and that nobody needs to run."""


def commands_of_page(text: str) -> list[str]:
    """The commands in a page's blocks, and in its text between backticks."""
    blocks = re.findall(r"^(?:    | *\$ )(\S.*)", text, re.MULTILINE) + re.findall(
        r"^\s{0,3}(\S.*)", fenced(text), re.MULTILINE
    )
    inline = re.findall(r"`([^`\n]+)`", text)
    return [text.partition("  #")[0].strip() for text in (*blocks, *inline)]


def fenced(text: str) -> str:
    """What is in the fenced blocks of commands."""
    return "\n".join(re.findall(r"^```(?:console|sh|bash)[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL))


def texts_of_module(source: str) -> list[str]:
    """The texts in a module that it can print: all but docstrings."""
    tree = ast.parse(source)
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "x" for part in node.values)
            texts.append("".join(map(str, parts)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            texts.append(node.value)
    return texts


def unexpected(place: str, commands: list[str]) -> list[str]:
    return [
        command
        for command in commands
        if command not in ABOUT and not command.startswith(tuple(ELSEWHERE.get(place, [])))
    ]


@pytest.mark.parametrize("page", PAGES)
def test_no_page_has_a_command_that_needs_more(page: str) -> None:
    commands = commands_of_page(ROOT.joinpath(page).read_text(encoding="utf-8"))
    assert unexpected(page, [command for command in commands if re.match(COMMAND, command)]) == []


@pytest.mark.parametrize("module", MODULES)
def test_no_message_has_a_command_that_needs_more(module: str) -> None:
    texts = texts_of_module(ROOT.joinpath(module).read_text(encoding="utf-8"))
    commands = [command for text in texts for command in re.findall(rf"(?:^|[`:] |`)({COMMAND})", text)]
    assert unexpected(module, commands) == []


def documented() -> list[str]:
    """The subcommands of the kit in pages and messages, by their first words."""
    texts = [ROOT.joinpath(place).read_text(encoding="utf-8") for place in (*PAGES, *MODULES)]
    found = {
        command
        for text in texts
        for command in re.findall(r"\./uvw run python -m kit ((?:jobs |schema )?[a-z]+)", text)
    }
    return sorted(found)


HELP_OF_EACH = """\
import runpy, sys
for command in sys.argv[1:]:
    sys.argv = ["kit", *command.split(), "--help"]
    try:
        runpy.run_module("kit", run_name="__main__")
    except SystemExit as ended:
        assert not ended.code, command
"""
"""What `python -m kit COMMAND --help` does, for each command in one process."""


def test_the_documented_commands_exist_on_a_machine_with_only_python_git_and_make(
    installed_app: Path, bare: dict[str, str]
) -> None:
    assert {"jobs failed", "jobs worker", "schema drop", "schema rename"} <= set(documented())
    call = ["./uvw", "run", "--quiet", "python", "-c", HELP_OF_EACH, *documented()]
    done = subprocess.run(call, cwd=installed_app, env=bare, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("usage: python -m kit ") == len(documented())


def test_the_documented_targets_exist(app: Path) -> None:
    makefiles = {"README.md": [ROOT / "Makefile"]}
    generated = [app / "Makefile", *TEMPLATE.glob("infra/*/infra.mk")]
    for page in PAGES:
        text = ROOT.joinpath(page).read_text(encoding="utf-8")
        targets = {
            match[1] for command in commands_of_page(text) if (match := re.match(r"make ([a-z][a-z-]*)\b", command))
        }
        files = (
            [ROOT / "Makefile", *generated] if page.startswith(("README", "docs/")) else makefiles.get(page, generated)
        )
        exist = {name for file in files for name in re.findall(r"^([a-z][a-z-]*):", file.read_text(), re.MULTILINE)}
        assert targets <= exist, page


def test_snapstart_is_said_to_be_unsupported_wherever_it_is_mentioned() -> None:
    pages = [page for page in PAGES if "SnapStart" in ROOT.joinpath(page).read_text(encoding="utf-8")]
    assert "docs/cold-start.md" in pages
    for page in pages:
        assert re.search(r"not supported", ROOT.joinpath(page).read_text(encoding="utf-8")), page
    infrastructure = "".join(
        path.read_text(encoding="utf-8")
        for path in TEMPLATE.glob("infra/**/*.*")
        if path.is_file() and path.parent.name != "__pycache__"
    )
    assert not re.search(r"snap_?start", infrastructure, re.IGNORECASE)
