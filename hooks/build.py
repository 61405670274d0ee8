"""Checks that the project builds: lock, first commit, install, migrate, tests, image."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import render
import version
from report import OFFLINE, Failed, Skipped, command

OWN = {"DATABASE_URL", "DATABASE_CA", "TEST_DATABASE_URL", "VIRTUAL_ENV", "LOG_LEVEL", "LOG_FORMAT"}
"""Variables that are not passed on to checks, so that these use the project's own SQLite file."""

UNTRUSTED = "safe.directory"
"""In what Git says of a folder of another user's, whatever its language."""
NO_BUILDX = re.compile(r"buildx component is missing or broken|'buildx' is not a docker command")
"""What Docker's command line says without its plugin for builds."""


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
        raise Failed(f"uv {arguments[0]} failed", output=output, again=f"python3 uvw {' '.join(arguments)}")
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
        raise Skipped("Git is not installed; install it, then: git init && git add --all && git commit")
    if (project / ".git").exists():
        raise Skipped("there is a repository already; commit when you like")
    code, around = command(["git", "rev-parse", "--show-toplevel"], project)
    if UNTRUSTED in around:
        raise Skipped("the folder is inside a repository of another user's")
    if not code and command(["git", "check-ignore", "-q", "."], project)[0]:
        raise Skipped(f"the project is inside the repository {around.strip()}")
    message = "Generate the project with Spikeproof"
    git(project, "init", "--quiet", "--initial-branch", "main")
    git(project, "add", "--all")
    # Where the file system has no modes, Git would store the scripts as files that nobody else can run.
    git(project, "update-index", "--chmod=+x", *render.scripts(project))
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
    if code and UNTRUSTED in output:
        raise Skipped(
            "Git does not trust the folder, as it belongs to another user: git config --global --add safe.directory "
            f"{shlex.quote(str(project))}, then: git add --all && git commit"
        )
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
    """Build the image, if there is an engine that can."""
    if not (project / "uv.lock").is_file():
        raise Skipped("the dependencies are not locked")
    if not shutil.which("make"):
        raise Skipped("make is not installed")
    engine = next(filter(shutil.which, ("docker", "podman")), None)
    if engine is None:
        raise Skipped("Docker is not installed")
    try:
        code, output = command([engine, "version"], project, timeout=20)
    except subprocess.TimeoutExpired:
        code, output = 1, f"{engine} version does not answer"
    if code:
        raise Skipped(f"{last_line(output)}; once that works: make image")
    code, output = command(["make", "image"], project)
    if code and NO_BUILDX.search(output):
        raise Skipped(f"{engine} has no buildx; install it, https://docs.docker.com/go/buildx/, then: make image")
    if code and OFFLINE.search(output):
        raise Skipped("the base image cannot be downloaded; run make image when there is a network")
    if code:
        raise Failed(f"{engine} build failed", output=output, again="make image")
    return engine


def last_line(output: str) -> str:
    """Return the last line of what a program printed, without a full stop."""
    return ["", *output.strip().splitlines()][-1].strip().rstrip(".?")


CHECKS = [
    ("version is recorded", version.record),
    ("dependencies are locked", lock),
    ("git has a first commit", first_commit),
    ("dependencies install", install),
    ("migrations run", migrate),
    ("tests pass", tests),
    ("image builds", image),
]
