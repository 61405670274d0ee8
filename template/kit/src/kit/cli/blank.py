"""`python -m kit blank`: replace the wall, which is an example, by a blank page to begin with."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from kit.errors import UsageError

WALL = (
    "app/picture.py",
    "app/wall.py",
    "app/pages/form.html",
    "app/pages/form_again.html",
    "app/pages/messages.html",
    "app/pages/wall.css",
    "app/pages/wall.html",
    "app/pages/wall.js",
    "migrations/versions/0002_messages.py",
    "tests/test_jobs.py",
    "tests/test_wall.py",
)
"""The files that only the wall needs."""


def register(commands: Any) -> None:
    """Add the command."""
    blank = commands.add_parser("blank", help="replace the wall by a blank page")
    blank.set_defaults(run=run)


def run(_: argparse.Namespace) -> None:
    """Delete the wall's files and write the blank page's; raises `UsageError` where Git could not bring them back."""
    from kit import settings

    project = settings.PROJECT
    _require_committed(project)
    if not (project / "app" / "wall.py").is_file():
        raise UsageError("There is no app/wall.py, so there is no wall to replace. Nothing was changed.")
    for name in WALL:
        (project / name).unlink(missing_ok=True)
    source = project / "kit" / "blank"
    files = sorted(file for file in source.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    for file in files:
        target = project / file.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    shutil.rmtree(project / "app" / "pages" / "__pycache__", ignore_errors=True)
    moved = _move_database(project)
    # In new processes: this one has imported parts of the wall.
    subprocess.run([sys.executable, "-m", "kit", "jobs", "manifest"], cwd=project, check=True)
    print(
        "The wall is gone; app/web.py has a blank page."
        + (f"\nThe laptop's database of the wall is {moved} now." if moved else "")
        + "\nIf the wall was deployed already, keep its table's migration: git checkout HEAD -- migrations, and write one\n"
        "that drops the table: make migration m='drop messages'."
        "\nREADME.md still describes the wall. Next: make check && git add --all && git commit",
        file=sys.stderr,
    )


def _require_committed(project: Path) -> None:
    status = subprocess.run(
        ["git", "status", "--porcelain", "--", "."],  # noqa: S607
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    if status.returncode:
        raise UsageError(f"Git can't say what is committed: {status.stderr.strip()}\nNothing was changed.")
    if status.stdout:
        raise UsageError(
            f"Commit first, so that Git can bring everything back: git add --all && git commit\n{status.stdout}"
            "Nothing was changed."
        )


def _move_database(project: Path) -> str:
    """Rename the SQLite file, whose tables are the wall's; return its new name, or an empty string."""
    file = project / "data" / "app.db"
    if not file.is_file():
        return ""
    number = 1
    while (moved := file.with_name(f"wall-{number}.db")).exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        part = Path(f"{file}{suffix}")
        if part.exists():
            part.rename(f"{moved}{suffix}")
    return f"data/{moved.name}"
