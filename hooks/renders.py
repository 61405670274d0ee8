"""What the old and the new version of the template make of a project's answers: the two sides that an update compares."""

import shutil
import subprocess
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kit.update.project import answers_alone, git_bytes, names

OWN = ("app", "migrations", "tests", "jobs.json", "README.md")
"""The user's files and folders, which copier.yml keeps out of updates."""


@dataclass(frozen=True)
class Renders:
    """Both sides, each with its files' contents by their path in the project, without the user's own."""

    old: Mapping[str, bytes]
    new: Mapping[str, bytes]

    @property
    def paths(self) -> list[str]:
        """Every path that either version has."""
        return sorted(self.old.keys() | self.new.keys())

    @property
    def removed(self) -> list[str]:
        """Every path that the new version no longer has."""
        return sorted(self.old.keys() - self.new.keys())


def render(template: Path, since: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Renders:
    """Render the version `since` with the old answers, and the one that `template` holds with the new ones.

    The result is kept in `template`, a clone that Copier made for this update, so that both steps of an update share it.
    Raises what Copier raises when an answer no longer holds.
    """
    folder = template / "build" / "renders"
    if not folder.is_dir():
        partial = folder.with_name("partial")
        shutil.rmtree(partial, ignore_errors=True)
        _copy(template, since, partial / "old", old)
        _copy(template, "HEAD", partial / "new", new)
        partial.rename(folder)
    return Renders(_contents(folder / "old"), _contents(folder / "new"))


def _copy(template: Path, version: str, folder: Path, answers: Mapping[str, Any]) -> None:
    import copier  # slow, and most often both sides are there already

    # As in an update: what the new version leaves out does not count as removed.
    exclude = yaml.safe_load((template / "copier.yml").read_text(encoding="utf-8"))["_exclude"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        copier.run_copy(
            str(template),
            folder,
            answers_alone(dict(answers)),
            vcs_ref=version,
            exclude=[*exclude, *(f"/{name}" for name in OWN)],
            defaults=True,
            unsafe=True,
            skip_tasks=True,
            quiet=True,
        )


def _contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def renamed(template: Path) -> dict[str, str]:
    """Return the files that the new version has under another name, as Git's similarity index finds them."""
    folder = template / "build" / "renders"
    call = ["git", "diff", "--no-index", "--find-renames", "--diff-filter=R", "--name-status", "-z", "old", "new"]
    parts = subprocess.run(call, cwd=folder, capture_output=True, check=False).stdout.decode().split("\0")  # noqa: S603
    pairs = zip(parts[1::3], parts[2::3], strict=False)
    return {old.removeprefix("old/"): new.removeprefix("new/") for old, new in pairs}


class Committed:
    """The project's last commit: its files with their modes, by their path in the project."""

    def __init__(self, project: Path) -> None:
        self.project = project
        entries = (entry.partition("\t") for entry in names(project, "ls-tree", "-r", "-z", "HEAD"))
        self._entries = {name: described.split() for described, _, name in entries}

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def mode(self, name: str) -> str:
        """Return a file's mode as Git has it; "" when there is no such file."""
        return self._entries[name][0] if name in self._entries else ""

    def read(self, paths: list[str]) -> dict[str, bytes]:
        """Return the contents of those of the files that are regular ones."""
        files = [name for name in paths if self.mode(name).startswith("100")]
        objects = "".join(f"{self._entries[name][2]}\n" for name in files).encode()
        output, contents = git_bytes(self.project, "cat-file", "--batch", input=objects), {}
        for name in files:
            header, _, output = output.partition(b"\n")
            size = int(header.split()[2])
            contents[name], output = output[:size], output[size + 1 :]
        return contents
