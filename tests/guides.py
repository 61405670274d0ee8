"""Applies a page of template/kit/docs/guides to a generated app, as its reader would, from top to bottom.

    ```python title="app/login.py"     a new file
    ```diff title="app/web.py"         an edit: lines that stay, `-` lines and `+` lines; `@@` separates several
    ```console                         commands, one a line

Everything else is text: other fenced blocks, and indented ones, such as commands that need an AWS account.
"""

import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from rendering import TEMPLATE

FOLDER = TEMPLATE / "kit" / "docs" / "guides"
PAGES = sorted(path.stem for path in FOLDER.glob("*.md") if path.stem != "README")

_BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    title: str
    """The path of a file, or nothing."""
    text: str


def blocks(page: str) -> list[Block]:
    """Return the fenced blocks of a page."""
    text = FOLDER.joinpath(f"{page}.md").read_text(encoding="utf-8")
    return [Block(language, title, content) for language, title, content in _BLOCK.findall(text)]


def apply(page: str, folder: Path) -> None:
    """Do to the project in `folder` what the page says; `page` is its name without `.md`."""
    for block in blocks(page):
        if block.title.startswith("infra/") and not (folder / block.title).is_file():
            continue  # a file of another infrastructure tool
        if block.title:
            write(block, folder / block.title)
        elif block.language == "console":
            run(block.text, folder)


def apply_to(path: Path, *, page: str) -> None:
    """Do what the page says to one file of a project; the block's title is the end of its path."""
    for block in blocks(page):
        if block.title and path.as_posix().endswith(f"/{block.title}"):
            write(block, path)


def write(block: Block, path: Path) -> None:
    """Write a new file, or edit one."""
    if block.language == "diff":
        path.write_text(edited(path.read_text(encoding="utf-8"), block), encoding="utf-8")
        return
    assert not path.exists(), f"{block.title} exists already; show its change as a diff"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text, encoding="utf-8")


def edited(text: str, block: Block) -> str:
    """Return the text with the changes of a diff, each of which must fit in exactly one place."""
    lines = text.splitlines(keepends=True)
    for change in re.split(r"^@@.*\n", block.text, flags=re.MULTILINE):
        signed = change.splitlines(keepends=True)
        assert all(line[0] in " +-\n" for line in signed), f"a line of the diff of {block.title} has no sign"
        before = [line[1:] or line for line in signed if line[0] != "+"]
        after = [line[1:] or line for line in signed if line[0] != "-"]
        places = [place for place in range(len(lines)) if lines[place : place + len(before)] == before]
        assert len(places) == 1, f"this fits in {len(places)} places of {block.title}, not in one:\n{''.join(before)}"
        lines[places[0] : places[0] + len(before)] = after
    return "".join(lines)


def run(commands: str, folder: Path) -> str:
    """Run commands in the project, which must succeed; return their output."""
    environ = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{commands}\n{done.stdout}"
    return done.stdout
