"""The settings of a stage: `app/stages/<stage>.env`, a line `NAME=value` each, part of the image.

The infrastructure sets `APP_STAGE`. Previews (`preview12`) share the file `preview.env`. A stage without a file has the
defaults. Secrets don't belong here: `make secret NAME=…` stores them.
"""

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from kit import references
from kit.errors import UsageError

__all__ = ["FOLDER", "current", "read", "stage"]

FOLDER = "app/stages"
"""Where the files are, relative to the project."""

_LINE = re.compile(r"(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=\s*(.*)")
_PREVIEW = re.compile(r"preview[0-9]+")


def stage() -> str:
    """Return the stage whose settings this process has, or an empty string on a laptop."""
    return shared_by_previews(os.environ.get("APP_STAGE", "").strip())


def shared_by_previews(stage: str) -> str:
    """Return the name of the stage whose settings and secrets a stage has: all previews have those of `preview`."""
    return "preview" if _PREVIEW.fullmatch(stage) else stage


def current() -> dict[str, str]:
    """Return the variables of this process's stage."""
    return read(references.project() / FOLDER / f"{name}.env") if (name := stage()) else {}


@cache
def read(file: Path) -> dict[str, str]:
    """Return a stage's variables, none if there is no file.

    Raises `UsageError` for a line that is not `NAME=value`, and for a name that is set twice.
    """
    shown = f"{FOLDER}/{file.name}"
    values: dict[str, str] = {}
    for number, name, value in _lines(file):
        if not name:
            raise UsageError(f"{shown}:{number}: expected NAME=value, with the name in upper case.")
        if name in values:
            raise UsageError(f"{shown}:{number}: {name} is set twice.")
        values[name] = value
    return values


def parse(file: Path) -> dict[str, str]:
    """Return the variables of another file of the same form; of a name that is set twice, the first one."""
    values: dict[str, str] = {}
    for _, name, value in _lines(file):
        values.setdefault(name, value)
    return values


def _lines(file: Path) -> Iterator[tuple[int, str, str]]:
    """Each line's number, name and value; the name is empty if it has another form. Comments are left out."""
    if not file.is_file():
        return
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        text = line.strip()
        if text and not text.startswith("#"):
            match = _LINE.fullmatch(text)
            name, value = match.groups() if match else ("", "")
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
            yield number, name, value[1:-1] if quoted else value
