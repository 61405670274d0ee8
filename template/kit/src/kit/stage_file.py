"""The settings of a stage: `app/stages/<stage>.env`, a line `NAME=value` each, part of the image.

The infrastructure sets `APP_STAGE`. Previews (`preview12`) share the file `preview.env`. A stage without a file has the
defaults. Secrets don't belong here: `make secret NAME=…` stores them.
"""

import os
import re
from functools import cache
from pathlib import Path

from kit import references
from kit.errors import UsageError

__all__ = ["FOLDER", "current", "read", "stage"]

FOLDER = "app/stages"
"""Where the files are, relative to the project."""

_LINE = re.compile(r"([A-Z][A-Z0-9_]*)\s*=\s*(.*)")
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
    """Return a file's variables, none if it doesn't exist; raises `UsageError` for a line that is not `NAME=value`."""
    if not file.is_file():
        return {}
    values: dict[str, str] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _LINE.fullmatch(text)
        if match is None:
            raise UsageError(f"{FOLDER}/{file.name}:{number}: expected NAME=value, with the name in upper case.")
        name, value = match[1], match[2]
        if name in values:
            raise UsageError(f"{FOLDER}/{file.name}:{number}: {name} is set twice.")
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
        values[name] = value[1:-1] if quoted else value
    return values
