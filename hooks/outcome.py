"""Finds what an update did to the user's changes, apart from what was merged cleanly."""

import os
import re
from collections import Counter
from pathlib import Path
from subprocess import CalledProcessError

from kit.update.project import git_bytes, names
from renders import Committed, Renders

MARKER = re.compile(rb"^(<{7} before updating|>{7} after updating)\r?$", re.MULTILINE)
"""The lines that Copier puts around a conflict."""


class Outcome:
    """Compares the work tree with the last commit and the two versions of the template."""

    def __init__(self, project: Path, renders: Renders, committed: Committed) -> None:
        self.project, self.renders, self.committed = project, renders, committed
        self.before = committed.read(renders.paths)
        self.links = [name for name in renders.paths if committed.mode(name) == "120000"]
        self.now = {name: (project / name).read_bytes() for name in renders.paths if self._is_file(name)}

    def _is_file(self, name: str) -> bool:
        path = self.project / name
        return path.is_file() and not path.is_symlink()

    def conflicts(self) -> list[str]:
        """Files in which a conflict is marked, or that Git has as unmerged."""
        unmerged = names(self.project, "diff", "--name-only", "--relative", "--diff-filter=U", "-z")
        return sorted({*unmerged, *(name for name, text in self.now.items() if MARKER.search(text))})

    def rejected(self) -> list[str]:
        """Files with changes of the user's that could not be applied."""
        return [f"{name}.rej" for name in self.renders.paths if os.path.lexists(self.project / f"{name}.rej")]

    def removed(self) -> list[str]:
        """Files that the user had changed and the new version no longer has."""
        return [
            name
            for name in self.renders.removed
            if name in self.before and name not in self.now and not same(self.before[name], self.renders.old[name])
        ]

    def linked(self) -> list[str]:
        """The user's symbolic links in the place of changed files; Copier leaves them alone."""
        return [name for name in self.links if self.renders.old.get(name) != self.renders.new.get(name)]

    def ignored(self) -> list[str]:
        """New files that Git ignores, so that they would not be committed."""
        came = [name for name in self.now if name not in self.committed and name in self.renders.new]
        if not came:
            return []
        paths = "".join(f"{name}\0" for name in came).encode(errors="surrogateescape")
        try:
            ignored = git_bytes(self.project, "check-ignore", "--no-index", "--stdin", "-z", input=paths)
        except CalledProcessError as error:
            if error.returncode != 1:  # which says that none is ignored
                raise
            return []
        return [name for name in ignored.decode(errors="surrogateescape").split("\0") if name]

    def incomplete(self) -> list[str]:
        """Files that are missing or should have been removed, because the update was interrupted."""
        deleted = {name for name in self.renders.old if name not in self.committed}
        missing = [name for name in self.renders.new if name not in self.now and name not in deleted]
        left = [name for name in self.renders.removed if name in self.now and name in self.committed]
        return sorted({*missing, *left} - set(self.links))

    def lost(self) -> list[str]:
        """Files in which a line that the user had added is gone, or one that they had removed is back, unmarked."""
        rejected, conflicts = set(self.rejected()), set(self.conflicts())
        return [
            name
            for name in sorted(self.before.keys() & self.now.keys())
            if f"{name}.rej" not in rejected and self._differs(name, marked=name in conflicts)
        ]

    def _differs(self, name: str, *, marked: bool) -> bool:
        old, new = lines(self.renders.old.get(name, b"")), lines(self.renders.new.get(name, b""))
        before, now = lines(self.before[name]), lines(self.now[name])
        for line in before.keys() | old.keys():
            merged = before[line] + new[line] - old[line]
            if before[line] > old[line] and now[line] < min(before[line], merged):
                return True
            if before[line] < old[line] and not marked and now[line] > max(before[line], merged):
                return True
        return False


def lines(text: bytes) -> Counter[bytes]:
    """Count a text's lines, whatever their line endings; empty lines don't count."""
    return Counter(stripped for line in text.split(b"\n") if (stripped := line.rstrip(b"\r")).strip())


def same(text: bytes, other: bytes) -> bool:
    """Whether two texts are equal apart from line endings."""
    return text.replace(b"\r\n", b"\n") == other.replace(b"\r\n", b"\n")
