"""--local: the same on this machine, in the image where Docker has it, otherwise in the project's environment."""

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import fields
from typing import NoReturn

from kit.errors import UsageError
from kit.ops.exec import options
from kit.ops.stage import PROJECT, project_name
from kit.settings import Settings

INSIDE = "/var/task/data"
"""Where the image would keep a SQLite file."""


def main(told: argparse.Namespace) -> NoReturn:
    """Become the command; its exit code is ours."""
    command = told.command or options.CONSOLE
    os.environ |= told.environment
    image = os.environ.get("IMAGE") or project_name()
    if _has(image):
        print(f"In the image {image}.", file=sys.stderr)
        _become(in_the_image(image, command, told))
    why = f"there is no image {image} yet: make image" if shutil.which("docker") else "there is no Docker"
    print(f"In the project's environment; {why}.", file=sys.stderr)
    _become(command)


def _has(image: str) -> bool:
    if not shutil.which("docker"):
        return False
    return subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode == 0  # noqa: S603, S607


def in_the_image(image: str, command: list[str], told: argparse.Namespace) -> list[str]:
    """Docker's command: the settings come from our environment by name, so that no secret stands in it."""
    terminal = ["--tty"] if sys.stdin.isatty() and sys.stdout.isatty() else []
    names = {field.name.upper() for field in fields(Settings)} | told.environment.keys()
    handed = [option for name in sorted(names & os.environ.keys()) for option in ("--env", name)]
    if not os.environ.get("DATABASE_URL") and not os.environ.get("DATABASE_URL_SECRET"):
        (PROJECT / "data").mkdir(exist_ok=True)
        handed += ["--volume", f"{PROJECT / 'data'}:{INSIDE}", "--env", f"DATABASE_URL=sqlite:///{INSIDE}/app.db"]
        handed += ["--user", f"{os.getuid()}:{os.getgid()}"]
    if sys.platform == "linux":
        handed += ["--network", "host"]  # a database on this machine is found by the same name
    limits = [f"--cpus={told.cpu / 1024:g}"] if told.cpu else []
    limits += [f"--memory={told.memory}m"] if told.memory else []
    run = ["docker", "run", "--rm", "--init", "--interactive", *terminal, *handed, *limits, "--entrypoint", "env"]
    return [*run, image, "timeout", "--foreground", "--kill-after=30", str(told.max), *command]


def _become(command: list[str]) -> NoReturn:
    try:
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        raise UsageError(f"{command[0]} cannot be run: {error.strerror}.") from None
