"""Versions of the template, as git and copier know them."""

import os
import subprocess
import sys
from pathlib import Path


def copier(*arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run copier's command line, as a person would."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "copier", *map(str, arguments)],
        env=os.environ | environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def commit(template: Path, version: str) -> None:
    git(template, "add", "--all")
    git(template, "commit", "--quiet", "--message", version)
    git(template, "tag", version)
