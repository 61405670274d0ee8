"""Real environments on this machine: the app's image in AWS's runtime emulator, each with its own database connection.

All of them are processes of one container, which shares the network of the database's container: nothing listens outside
of it. The container is removed when the burst has ended, and ends by itself if this process is killed.
"""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit.errors import UsageError
from kit.ops.stage import PROJECT

EMULATOR = "aws-sam-cli==1.170.0"
"""The package whose wheel has AWS's runtime interface emulator, for both processors, under `samcli/local/rapid`."""
SECONDS = 300
"""How long a burst may take."""
VARIABLES = {
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_SESSION_TOKEN": "none",
}
"""What Lambda sets and the emulator doesn't; nothing of AWS can be reached with it."""
FOLDER = "/rehearsal"


@dataclass(frozen=True)
class Database:
    """A MySQL server in a container."""

    container: str
    """Its name."""
    url: str
    """As a process in its network reaches it."""
    ca: Path
    """The file with its certificate authority."""
    connections: Callable[[], int]
    """Returns the number of the app's connections."""


@dataclass(frozen=True)
class Burst:
    """What was measured; times in milliseconds, memory in MB."""

    environments: int
    requests: int
    """Of each, one after another."""
    first: list[float]
    """The first response of each environment, which includes its start."""
    later: list[float]
    failed: list[str]
    """What was answered instead of a page, and the end of the environment's log."""
    lost: list[str]
    """Why there was no answer."""
    seconds: float
    """Until the last answer."""
    memory: list[float]
    """Of each environment."""
    connections: int
    """To the database, when all had answered."""


def run(
    image: str,
    database: Database,
    *,
    environments: int,
    requests: int,
    event: dict[str, Any],
    emulator: Path,
    prepare: Sequence[str] = (),
    options: Sequence[str] = (),
) -> Burst:
    """Start environments of an image, all at once, and send each its requests; raises `UsageError` if that fails.

    emulator: the folder that `emulator_folder` gives. prepare: a command that runs first, in the same container. options:
    more options of `docker create`.
    """
    entry_point, command, machine = image_of(image)
    plan = {
        "environments": environments,
        "requests": requests,
        "event": event,
        "command": [*entry_point, *command],
        "prepare": prepare,
        "seconds": SECONDS,
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(Path(__file__).with_name("burst.py"), folder)
        shutil.copy(database.ca, folder / "ca.pem")
        shutil.copy(emulator / f"aws-lambda-rie-{machine}", folder / "emulator")
        for file in folder.iterdir():
            file.chmod(0o755)
        folder.chmod(0o755)
        variables = {**VARIABLES, "DATABASE_URL": database.url, "DATABASE_CA": f"{FOLDER}/ca.pem", "LOG_LEVEL": "error"}
        with _container(image, database.container, folder, variables, options) as process:
            assert process.stdin and process.stdout  # noqa: S101
            process.stdin.write(json.dumps(plan) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            connections = database.connections() if line else 0
    measured = json.loads(line) if line.startswith("{") else {"error": "its container ended"}
    if error := measured.get("error"):
        raise UsageError(f"The rehearsal in {image} failed: {error}")
    return Burst(environments=environments, requests=requests, connections=connections, **measured)


def image_of(image: str) -> tuple[list[str], list[str], str]:
    """An image's entry point, its command and its processor; raises `UsageError` if there is no such image."""
    form = "[{{json .Config.Entrypoint}}, {{json .Config.Cmd}}, {{json .Architecture}}]"
    inspected = _docker("image", "inspect", "--format", form, image)
    if inspected.returncode:
        raise UsageError(f"There is no image {image} to rehearse with. Build it: make image")
    entry_point, command, machine = json.loads(inspected.stdout)
    return entry_point or [], command or [], "arm64" if machine == "arm64" else "x86_64"


@contextlib.contextmanager
def _container(
    image: str, network: str, folder: Path, variables: dict[str, str], more: Sequence[str]
) -> Iterator["subprocess.Popen[str]"]:
    """Run burst.py in a container of the image, with a pipe to its input; as Lambda's user, whom the image doesn't know."""
    name = f"kit-spike-{secrets.token_hex(6)}"
    options = ["--rm", "--interactive", "--name", name, "--network", f"container:{network}", "--user", "993:990"]
    options += more
    options += [option for variable in variables for option in ("--env", variable)]
    created = _docker("create", *options, "--entrypoint", "python", image, f"{FOLDER}/burst.py", **variables)
    try:
        if created.returncode or (created := _docker("cp", f"{folder}/.", f"{name}:{FOLDER}")).returncode:
            raise UsageError(f"Docker can't create a container of {image}: {created.stderr.strip()}")
        command = ["docker", "start", "--attach", "--interactive", name]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
        try:
            yield process
        finally:
            _docker("kill", name)
            process.communicate()
    finally:
        _docker("rm", "--force", "--volumes", name)


@contextlib.contextmanager
def emulator_folder() -> Iterator[Path]:
    """A folder with the emulator's programs, from the package index by uv, which keeps the package in its cache."""
    with tempfile.TemporaryDirectory() as folder:
        uv = [os.environ["UV"]] if os.environ.get("UV") else [sys.executable, str(PROJECT / "uvw")]  # `uv run` sets UV
        install = [
            *uv,
            "pip",
            "install",
            "--quiet",
            "--python",
            sys.executable,
            "--no-deps",
            "--target",
            folder,
            EMULATOR,
        ]
        done = subprocess.run(install, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise UsageError(f"AWS's runtime emulator can't be fetched: {done.stderr.strip()[-500:]}")
        yield Path(folder) / "samcli" / "local" / "rapid"


def _docker(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    command = ["docker", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | variables)  # noqa: S603
