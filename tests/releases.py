"""Versions of the template, as git and copier know them."""

import os
import subprocess
import sys
from pathlib import Path

import copier as api
import yaml

ANSWERS = {
    "project_name": "photo-wall",
    "project_description": "Where people post",
    "aws_region": "eu-central-1",
    "planetscale_organization": "wallers",
    "planetscale_database": "photo-wall",
}
"""Answers of which none is a default."""


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


def copy(template: Path, folder: Path, version: str, **answers: str) -> Path:
    """Make a project of a version of the template, with those of the answers that it asks for; give its folder."""
    questions = yaml.safe_load(git(template, "show", f"{version}:copier.yml"))
    known_answers = {name: answer for name, answer in (ANSWERS | answers).items() if name in questions}
    api.run_copy(
        str(template), folder, known_answers, vcs_ref=version, defaults=True, unsafe=True, skip_tasks=True, quiet=True
    )
    return folder


def committed(project: Path) -> Path:
    """Put a project into a repository of its own, as it is; give its folder."""
    git(project, "init", "--quiet")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "As it was generated")
    return project
