"""`./exec --local`: the same on this machine, in the image if Docker has it, else in the project's environment."""

import argparse
import os
import shutil
import subprocess
import sys
from typing import NoReturn

from kit import settings
from kit.errors import UsageError
from kit.ops.exec import options
from kit.ops.stage import PROJECT, project_name

DATA = "/var/task/data"
"""The folder of the SQLite file in the image."""


def main(args: argparse.Namespace) -> NoReturn:
    """Replace this process with the command."""
    command = args.command or options.CONSOLE
    os.environ |= args.environment
    image = os.environ.get("IMAGE") or project_name()
    if _has_image(image):
        print(f"In the image {image}.", file=sys.stderr)
        _exec(docker_command(image, command, args))
    reason = f"there is no image {image} yet: make image" if shutil.which("docker") else "Docker is not installed"
    print(f"In the project's environment; {reason}.", file=sys.stderr)
    _exec(command)


def _has_image(image: str) -> bool:
    if not shutil.which("docker"):
        return False
    return subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode == 0  # noqa: S603, S607


def docker_command(image: str, command: list[str], args: argparse.Namespace) -> list[str]:
    """`docker run …`; it takes settings from our environment by name, so that no secret is on the command line."""
    terminal = ["--tty"] if sys.stdin.isatty() and sys.stdout.isatty() else []
    names = settings.variables() | args.environment.keys()
    options = [option for name in sorted(names & os.environ.keys()) for option in ("--env", name)]
    if not os.environ.get("DATABASE_URL") and not os.environ.get("DATABASE_URL_SECRET"):
        (PROJECT / "data").mkdir(exist_ok=True)
        options += ["--volume", f"{PROJECT / 'data'}:{DATA}", "--env", f"DATABASE_URL=sqlite:///{DATA}/app.db"]
        options += ["--user", f"{os.getuid()}:{os.getgid()}"]
    if sys.platform == "linux":
        options += ["--network", "host"]  # so that localhost is this machine, for a database on it
    options += [f"--cpus={args.cpu / 1024:g}"] if args.cpu else []
    options += [f"--memory={args.memory}m"] if args.memory else []
    run = ["docker", "run", "--rm", "--init", "--interactive", *terminal, *options, "--entrypoint", "env"]
    return [*run, image, "timeout", "--foreground", "--kill-after=30", str(args.max), *command]


def _exec(command: list[str]) -> NoReturn:
    try:
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        raise UsageError(f"Can't run {command[0]}: {error.strerror}.") from None
