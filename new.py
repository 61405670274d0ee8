"""`make new`: create an app from this template, on a machine that has only Python, git and make."""

import argparse
import os
import subprocess
import sys
import warnings
from pathlib import Path

import copier
from copier.errors import DirtyLocalWarning, InteractiveSessionError
from plumbum import ProcessExecutionError

TEMPLATE = Path(__file__).resolve().parent
sys.path.append(str(TEMPLATE / "template" / "kit" / "src"))

from kit.update.command import explained
from kit.update.project import Refused, fatal

EXAMPLE = "make new DEST=../photo-wall"


def main(arguments: list[str]) -> None:
    """Ask the questions and create the app; exits with a message if that fails."""
    parser = argparse.ArgumentParser(prog="make new", description=__doc__)
    parser.add_argument("folder", help="where the app is created; its name is offered as the project's")
    parser.add_argument("--data", metavar="QUESTION=ANSWER", action="append", default=[], help="answer a question")
    parser.add_argument("--defaults", action="store_true", help="answer the others by their defaults")
    options = parser.parse_args(arguments)
    if not options.folder:
        sys.exit(f"Name the app's folder: {EXAMPLE}")
    folder = Path(os.path.abspath(Path(options.folder).expanduser()))
    check(folder)
    template = origin() or str(TEMPLATE)
    version = None if origin() else "HEAD"
    answers = dict(pair.partition("=")[::2] for pair in options.data)
    warnings.simplefilter("ignore", DirtyLocalWarning)
    try:
        with explained(template, version):
            create(template, version, folder, answers, defaults=options.defaults)
    except Refused as reason:
        sys.exit(f"{reason.problem} Nothing was created.")


def check(folder: Path) -> None:
    """Exit if an app can't be created in this folder."""
    if folder.resolve().is_relative_to(TEMPLATE):
        sys.exit(f"{folder} is inside the template's repository. Choose a folder beside it: {EXAMPLE}")
    if folder.exists() and not folder.is_dir():
        sys.exit(f"{folder} is a file. Choose another name: {EXAMPLE}")
    if folder.is_dir() and (entries := sorted(path.name for path in folder.iterdir() if path.name != ".git")):
        sys.exit(
            f"The folder {folder} is not empty: it has {entries[0]}. Choose another: {EXAMPLE}\n"
            "To update an app that exists, run `make update` in it."
        )


def origin() -> str:
    """Return the address that this repository was cloned from, where later updates look for newer versions; "" if none."""
    call = ["git", "-C", str(TEMPLATE), "remote", "get-url", "origin"]
    return subprocess.run(call, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603


def create(template: str, version: str | None, folder: Path, answers: dict[str, str], *, defaults: bool) -> None:
    """Let Copier create the app; exits with a message for what only this command can explain."""
    try:
        copier.run_copy(
            template, folder, answers, vcs_ref=version, defaults=defaults, unsafe=True, cleanup_on_error=False
        )
    except InteractiveSessionError:
        sys.exit("Not a terminal, so the questions can't be asked. To answer them by their defaults: DEFAULTS=1")
    except ProcessExecutionError as error:  # Git's, and an OSError as well
        if {"ls-remote", "clone"} & set(error.argv):
            raise
        sys.exit(f"Git failed: {fatal(str(error.stderr))}")
    except OSError as error:
        sys.exit(f"{folder} can't be created: {error.strerror or error}. Choose another folder: {EXAMPLE}")
    except KeyboardInterrupt:
        sys.exit("\nStopped.")


if __name__ == "__main__":
    main(sys.argv[1:])
