"""Texts and folders that are slow to make, made once for all of pytest's workers."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

FOLDER = "TESTS_SHARED_FOLDER"
"""The variable with the folder that this run's workers share."""


def once(name: str, make: Callable[[], str]) -> str:
    """Return the text of that name; the first worker to ask makes it, and others wait for it."""
    file = Path(os.environ[FOLDER], name)
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            file.write_text(make(), encoding="utf-8")
        return file.read_text(encoding="utf-8")


def folder(name: str, make: Callable[[Path], object]) -> Path:
    """Return the folder of that name, which nobody may change; `make` gets the path at which to make it."""
    made = Path(os.environ[FOLDER], name)
    with made.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            partial = made.with_name(f"{name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            make(partial)
            partial.rename(made)
    return made
