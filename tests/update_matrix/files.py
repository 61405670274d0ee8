"""Reading and comparing the files of a project."""

import os
from pathlib import Path

OWN = ("app", "migrations", "tests", "jobs.json", "README.md")


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, ignored ones too, but for Git's own; of a link its target."""
    contents = {}
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git"]
        links = [name for name in folders if Path(here, name).is_symlink()]
        for name in [*names, *links]:
            path = Path(here, name)
            if name != ".git":
                content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
                contents[path.relative_to(folder).as_posix()] = content
    return contents


def same(content: bytes | None, other: bytes | None) -> bool:
    """Whether two files are equal but for their line ends."""
    return (content or b"").replace(b"\r\n", b"\n") == (other or b"").replace(b"\r\n", b"\n")


def lines(text: bytes) -> set[bytes]:
    """Return a text's lines, without white space around them."""
    return {stripped for line in text.splitlines() if (stripped := line.strip())}


def template_files(folder: Path) -> dict[str, bytes]:
    """Return the files of a render that are not the user's own."""
    return {name: content for name, content in snapshot(folder).items() if name.partition("/")[0] not in OWN}
