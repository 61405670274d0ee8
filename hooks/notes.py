"""Reads the changelog and the upgrade notes of the versions between two commits of the template."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

CHANGELOG, UPGRADING = "CHANGELOG.md", "docs/upgrading.md"


def to_do_by_hand(template: Path, since: str) -> Iterator[tuple[str, str]]:
    """Yield each note in docs/upgrading.md that the version `since` did not have, oldest first, with its version.

    Texts are compared, not versions: a fork, or a clone without tags, knows no versions.
    """
    earlier = sections(at(template, since, UPGRADING), "###")
    for version, note in reversed(sections(current(template, UPGRADING), "###").items()):
        if note and note not in earlier.values() and (version == "Unreleased" or version not in earlier):
            yield version, note


def news(template: Path, since: str) -> Iterator[tuple[str, str]]:
    """Yield the entries in CHANGELOG.md that the version `since` did not have, newest first, with their version."""
    earlier = set(at(template, since, CHANGELOG).splitlines())
    for version, text in sections(current(template, CHANGELOG), "##").items():
        if lines := [line for line in text.splitlines() if line.startswith("- ") and line not in earlier]:
            yield version, "\n".join(lines)


def sections(text: str, level: str) -> dict[str, str]:
    """Return the text below each heading of a level up to the next heading, by the heading's first word."""
    bodies = re.findall(rf"^{level} (\S+).*\n((?:(?!#).*\n)*)", f"{text}\n", re.MULTILINE)
    return {version: body.strip() for version, body in bodies}


def current(template: Path, name: str) -> str:
    """Return a file of the template as it is now, or ""."""
    path = template / name
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def at(template: Path, version: str, name: str) -> str:
    """Return a file of the template as it was in a version, or ""."""
    call = ["git", "show", f"{version}:{name}"]
    done = subprocess.run(call, cwd=template, capture_output=True, check=False)  # noqa: S603
    return "" if done.returncode else done.stdout.decode(errors="replace")
