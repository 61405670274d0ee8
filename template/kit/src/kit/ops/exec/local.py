"""`./exec --local`: the same on this machine, in the image if Docker has it, else in the project's environment."""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from kit import settings
from kit.errors import UsageError
from kit.ops import engine
from kit.ops.engine import Engine
from kit.ops.exec import options
from kit.ops.stage import PROJECT, project_name

DATA = "/var/task/data"
"""The folder of the SQLite file in the image."""


LOOPBACK = {"localhost", "127.0.0.1", "::1"}
CA = "/var/task/ca.pem"
"""The file of DATABASE_CA in the image."""


def main(args: argparse.Namespace) -> NoReturn:
    """Replace this process with the command."""
    command = args.command or options.CONSOLE
    os.environ |= args.environment
    image = os.environ.get("IMAGE") or project_name()
    if reason := without_image(image):
        print(f"In the project's environment; {reason}.", file=sys.stderr)
        _exec(command)
    print(f"In the image {image}.", file=sys.stderr)
    _exec(run_command(engine.require(), image, command, args))


def without_image(image: str) -> str:
    """Return why the image can't be used; "" when it can."""
    if (name := engine.program()) is None:
        return "Docker is not installed"
    process = subprocess.run([name, "images", "--quiet", image], capture_output=True, text=True, check=False)  # noqa: S603
    if process.returncode:
        return f"{name} images failed: {process.stderr.strip().rstrip('.')}"
    return "" if process.stdout.strip() else f"there is no image {image} yet: make image"


def run_command(running: Engine, image: str, command: list[str], args: argparse.Namespace) -> list[str]:
    """`docker run …`; it takes settings from our environment by name, so that no secret is on the command line."""
    terminal = ["--tty"] if sys.stdin.isatty() and sys.stdout.isatty() else []
    names = settings.variables() | args.environment.keys()
    options = [option for name in sorted(names & os.environ.keys()) for option in ("--env", name)]
    if url := os.environ.get("DATABASE_URL"):
        if running.in_vm:
            os.environ["DATABASE_URL"] = from_vm(url)
    elif not os.environ.get("DATABASE_URL_SECRET"):
        (PROJECT / "data").mkdir(exist_ok=True)
        # "z" lets containers read it where SELinux is enforced; elsewhere it means nothing.
        options += ["--volume", f"{PROJECT / 'data'}:{DATA}:z", "--env", f"DATABASE_URL=sqlite:///{DATA}/app.db"]
        options += ["--user", "0:0" if running.rootless else f"{os.getuid()}:{os.getgid()}"]
    if ca := os.environ.get("DATABASE_CA"):
        options += ["--volume", f"{Path(ca).absolute()}:{CA}:ro", "--env", f"DATABASE_CA={CA}"]
    if not running.in_vm:
        options += ["--network", "host"]  # so that localhost is this machine, for a database on it
    options += [f"--cpus={args.cpu / 1024:g}"] if args.cpu else []
    options += [f"--memory={args.memory}m"] if args.memory else []
    run = [engine.program() or "docker", "run", "--rm", "--init", "--interactive", *terminal, *options]
    timeout = ["timeout", "--foreground", "--kill-after=30", str(args.max)]
    return [*run, "--entrypoint", "env", image, *timeout, *command]


def from_vm(url: str) -> str:
    """Return the URL by which a container in a virtual machine reaches a database on this machine.

    Source: https://docs.docker.com/desktop/features/networking/networking-how-tos/
    """
    parts = urlsplit(url)
    if parts.hostname not in LOOPBACK:
        return url
    login, at, _ = parts.netloc.rpartition("@")
    port = f":{parts.port}" if parts.port else ""
    return parts._replace(netloc=f"{login}{at}host.docker.internal{port}").geturl()


def _exec(command: list[str]) -> NoReturn:
    try:
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        raise UsageError(f"Can't run {command[0]}: {error.strerror}.") from None
