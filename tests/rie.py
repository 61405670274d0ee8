"""The Lambda runtime interface emulator: AWS's own program, from the wheel of the SAM CLI.

It speaks the runtime API to the function's process, and takes one event at a time over HTTP.
Source: https://docs.aws.amazon.com/lambda/latest/dg/images-test.html
"""

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx

import containers
import parts
import waiting

SAM = "aws-sam-cli==1.170.0"
TOOLS = Path(__file__).resolve().parent.parent / "build" / "tools"
_COMMAND = "[{{json .Config.Entrypoint}}, {{json .Config.Cmd}}]"
AS_ON_LAMBDA = ["--user", "993:990", "--read-only", "--tmpfs", "/tmp"]
"""A user that the image does not know, and a file system that is read-only except /tmp."""


def program() -> Path:
    """Return the emulator for this machine."""
    machine = "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"
    path = installed(SAM, dependencies=False) / "samcli" / "local" / "rapid" / f"aws-lambda-rie-{machine}"
    path.chmod(0o755)
    return path


def installed(*packages: str, dependencies: bool = True) -> Path:
    """Return a folder with these packages for this Python, which are fetched once into build/tools."""
    folder = TOOLS / "-".join([sys.implementation.cache_tag, *(package.replace("==", "-") for package in packages)])
    if not folder.is_dir():
        uv = os.environ.get("UV") or parts.program("uv")  # `uv run` sets it
        partial = folder.with_name(f"{folder.name}.{os.getpid()}.partial")
        command = [uv, "pip", "install", "--quiet", "--python", sys.executable, "--target", str(partial), *packages]
        done = subprocess.run(command + ["--no-deps"] * (not dependencies), capture_output=True, text=True)
        if done.returncode:
            parts.missing(packages[0], f"{' '.join(packages)} cannot be fetched: {done.stderr.strip()[-200:]}")
        try:
            partial.rename(folder)
        except OSError:  # another process was faster
            shutil.rmtree(partial)
    return folder


@dataclass(frozen=True)
class Function:
    """A Lambda function that takes events."""

    container: containers.Container

    def invoke(self, event: Any) -> Any:
        """Send one event and return the function's response, or its error."""
        return _invoke(self.container.port(8080), event)


@dataclass(frozen=True)
class Process:
    """A Lambda function that takes events, without Docker."""

    port: int
    log: Path

    def invoke(self, event: Any) -> Any:
        """Send one event and return the function's response, or its error."""
        return _invoke(self.port, event)

    def logs(self) -> str:
        """Return what the function and the emulator have written so far."""
        return self.log.read_text()


def _invoke(port: int, event: Any) -> Any:
    url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
    return httpx.post(url, json=event, timeout=30, trust_env=False).json()


@contextmanager
def function(image: str, *, options: Sequence[str] = (), handler: str | None = None) -> Iterator[Function]:
    """Run the image as Lambda does: with its own entry point, as Lambda's user, on a read-only file system.

    `handler` replaces the image's own command.
    """
    mount = ["--volume", f"{program()}:/rie:ro", "--entrypoint", "/rie"]
    entry_point, default = json.loads(containers.docker("image", "inspect", "--format", _COMMAND, image))
    command = [*entry_point, *([handler] if handler else default)]
    with containers.running(image, command, options=[*AS_ON_LAMBDA, *mount, *options], publish=[8080]) as container:
        waiting.until(lambda: _answers(container), what="the runtime emulator")
        yield Function(container)


@contextmanager
def process(folder: Path, handler: str, log: Path, **variables: str) -> Iterator[Process]:
    """Run the image's entry point with this Python, in a folder that holds `app`, with more environment variables."""
    port, api = waiting.free_port(), waiting.free_port()
    command = [
        *(str(program()), "--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
        *("--runtime-api-address", f"127.0.0.1:{api}"),
        *(sys.executable, "-m", "kit.aws_lambda.bootstrap", handler),
    ]
    with log.open("wb") as stream:
        started = subprocess.Popen(command, cwd=folder, env=os.environ | variables, stdout=stream, stderr=stream)
    try:
        waiting.until(lambda: waiting.listens(port), what="the runtime emulator")
        yield Process(port, log)
    finally:
        started.terminate()
        started.wait()


def _answers(container: containers.Container) -> bool:
    """Whether the emulator takes requests; this sends no event to the function."""
    try:
        httpx.get(f"http://127.0.0.1:{container.port(8080)}/", timeout=2, trust_env=False)
    except httpx.TransportError:
        return False
    return True
