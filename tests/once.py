"""What is slow to make, made once for all of pytest's workers."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = "TESTS_SHARED_FOLDER"
"""The variable with the folder that this run's workers share."""


def once(name: str, make: Callable[[], str]) -> str:
    """Return the text of that name; the first worker to ask makes it, and others wait for it."""
    with _locked(name) as file:
        if not file.exists():
            file.write_text(make(), encoding="utf-8")
        return file.read_text(encoding="utf-8")


def folder(name: str, make: Callable[[Path], object]) -> Path:
    """Return the folder of that name, made in the same way; no test may change it, or run what writes in it.

    make: creates the folder at this path; what it returns is ignored.
    """
    with _locked(f"{name}.path") as file:
        path = file.with_suffix("") / name
        if not file.exists():
            shutil.rmtree(path.parent, ignore_errors=True)  # of a worker that died
            path.parent.mkdir()
            make(path)
            file.touch()
        return path


@contextmanager
def _locked(name: str) -> Iterator[Path]:
    """Yield the file of that name to one worker at a time; the lock of one that dies is released."""
    file = Path(os.environ[FOLDER], name)
    with file.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield file
