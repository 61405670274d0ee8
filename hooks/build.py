"""Checks that the project builds: lock, first commit, install, migrate, tests, image."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import version
from report import OFFLINE, Failed, Skipped, command

OWN = {"DATABASE_URL", "DATABASE_CA", "TEST_DATABASE_URL", "VIRTUAL_ENV", "LOG_LEVEL", "LOG_FORMAT"}
"""Variables that are not passed on to checks, so that these use the project's own SQLite file."""


def uv(project: Path, *arguments: str) -> str:
    """Run the project's uv; without a network, try again with uv's cache alone."""
    environ = {name: value for name, value in os.environ.items() if name not in OWN}
    call = [sys.executable, str(project / "uvw"), *arguments]
    code, output = command(call, project, environ=environ)
    if code and OFFLINE.search(output):
        code, again = command(call, project, environ=environ | {"UV_OFFLINE": "1"})
        if code:
            raise Skipped("no network; run make check when there is one")
        output = again
    if code:
        raise Failed(f"uv {arguments[0]} failed", output=output, again=f"./uvw {' '.join(arguments)}")
    return output


def installed(project: Path) -> None:
    """Raise `Skipped` when the dependencies could not be installed."""
    if not any((project / ".venv").glob("*/pytest*")):
        raise Skipped("the dependencies are not installed")


def lock(project: Path) -> str:
    """Lock the newest version of every dependency."""
    uv(project, "lock")
    return "uv.lock"


def first_commit(project: Path) -> str:
    """Create the repository and its first commit, with the identity in Git's configuration."""
    if not shutil.which("git"):
        raise Skipped("git is not installed; install it, then: git init && git add -A && git commit")
    if (project / ".git").exists():
        raise Skipped("there is a repository already; commit when you like")
    code, around = command(["git", "rev-parse", "--show-toplevel"], project)
    if not code and command(["git", "check-ignore", "-q", "."], project)[0]:
        raise Skipped(f"the project is inside the repository {around.strip()}")
    message = "Generate the project with Spikeproof"
    for step in (["init", "--quiet", "--initial-branch", "main"], ["add", "--all"]):
        git(project, *step)
    if command(["git", "-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT"], project)[0]:
        raise Skipped(
            "Git does not know your name: git config --global user.name and user.email, "
            f'then: git commit -m "{message}"'
        )
    git(project, "commit", "--quiet", "--no-verify", "--no-gpg-sign", "--message", message)
    return message


def git(project: Path, *arguments: str) -> None:
    """Run a git command that must succeed."""
    code, output = command(["git", *arguments], project)
    if code:
        raise Failed(f"git {arguments[0]} failed", output=output, again=f"git {' '.join(arguments)}")


def install(project: Path) -> str:
    """Install the locked dependencies into .venv."""
    uv(project, "sync")
    return ".venv"


def migrate(project: Path) -> str:
    """Migrate the project's SQLite file to the newest schema."""
    installed(project)
    uv(project, "run", "--no-sync", "python", "-m", "kit", "migrate")
    return "data/app.db"


def tests(project: Path) -> str:
    """Run the project's own tests."""
    installed(project)
    output = uv(project, "run", "--no-sync", "pytest", "-q")
    return output.strip().splitlines()[-1].strip("= ")


def image(project: Path) -> str:
    """Build the image, if a Docker engine is running."""
    if not (project / "uv.lock").is_file():
        raise Skipped("the dependencies are not locked")
    for tool in ("make", "docker"):
        if not shutil.which(tool):
            raise Skipped(f"{tool} is not installed")
    try:
        engine = subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=False).returncode  # noqa: S607
    except subprocess.TimeoutExpired:
        engine = 1
    if engine:
        raise Skipped("no Docker engine is running; start it, then: make image")
    code, output = command(["make", "image"], project)
    if code and OFFLINE.search(output):
        raise Skipped("the base image cannot be downloaded; run make image when there is a network")
    if code:
        raise Failed("docker build failed", output=output, again="make image")
    return "docker"


CHECKS = [
    ("version is recorded", version.record),
    ("dependencies are locked", lock),
    ("git has a first commit", first_commit),
    ("dependencies install", install),
    ("migrations run", migrate),
    ("tests pass", tests),
    ("image builds", image),
]
