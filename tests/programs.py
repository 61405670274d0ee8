"""Folders of programs for a PATH of a test's own."""

import os
from pathlib import Path


def program(path: Path, text: str) -> Path:
    """Write a program; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def path_without(folder: Path, *names: str) -> str:
    """Fill a folder with links to every program on the PATH but these; return it as a PATH."""
    folder.mkdir()
    for directory in os.environ["PATH"].split(os.pathsep):
        for path in Path(directory).glob("*"):
            if path.name not in names and not (folder / path.name).exists():
                (folder / path.name).symlink_to(path)
    return str(folder)
