"""Docker, as the tests use it: what is published is on 127.0.0.1 alone, and every container is removed."""

import functools
import re
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import parts


def docker(*arguments: str, check: bool = True, timeout: float = 120) -> str:
    """Run one docker command and give what it prints, its errors too; raises `AssertionError` when it fails."""
    done = subprocess.run(
        ["docker", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout
    )
    if check and done.returncode:
        raise AssertionError(f"docker {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout.strip()


@functools.cache
def engine_answers() -> bool:
    """Whether a Docker engine can be used here."""
    try:
        return subprocess.run(["docker", "info"], capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def require_engine() -> None:
    """Skip the test where no Docker engine answers."""
    if not engine_answers():
        parts.missing("Docker", "no engine answers to `docker info`")


def local_image(reference: str) -> str:
    """An image pinned by digest; or its tag, if that is all the engine has, as where no registry can be reached."""
    tag = reference.partition("@")[0]
    found = docker("image", "inspect", "--format", "{{len .RepoDigests}}", tag, check=False)
    return tag if found == "0" else reference


def use_local_images(folder: Path) -> None:
    """Let a project's Dockerfile name the images that the engine here has."""
    file = folder / "Dockerfile"
    file.write_text(re.sub(r"\S+@sha256:\w+", lambda image: local_image(image[0]), file.read_text()))


@dataclass(frozen=True)
class Container:
    """One that runs."""

    name: str

    def port(self, inside: int) -> int:
        """The port of 127.0.0.1 at which the container's own port is published."""
        return int(docker("port", self.name, f"{inside}/tcp").splitlines()[0].rpartition(":")[2])

    def logs(self) -> str:
        """What it has written so far."""
        return docker("logs", self.name)

    def restart(self) -> None:
        """Kill it and start it again, on another port."""
        docker("kill", self.name)
        docker("start", self.name)

    def alive(self) -> bool:
        """Whether it still runs."""
        return docker("inspect", "--format", "{{.State.Running}}", self.name) == "true"


@contextmanager
def running(
    image: str, command: Sequence[str] = (), *, options: Sequence[str] = (), publish: Sequence[int] = ()
) -> Iterator[Container]:
    """Start a container in the background and remove it at the end of the block, come what may."""
    name = _name()
    ports = [option for port in publish for option in ("--publish", f"127.0.0.1::{port}")]
    try:
        docker("run", "--detach", "--pull", "never", "--name", name, *ports, *options, image, *command)
        yield Container(name)
    finally:
        docker("rm", "--force", "--volumes", name, check=False)


def run(image: str, command: Sequence[str], *, options: Sequence[str] = (), check: bool = True) -> str:
    """Run a container to its end and give what it prints."""
    name = _name()
    try:
        return docker("run", "--rm", "--pull", "never", "--name", name, *options, image, *command, check=check)
    finally:
        docker("rm", "--force", "--volumes", name, check=False)


def python(image: str, code: str, *, options: Sequence[str] = ()) -> str:
    """Run Python code inside an image and give what it prints."""
    return run(image, ["-c", code], options=["--network", "none", *options, "--entrypoint", "python"])


@contextmanager
def network() -> Iterator[str]:
    """Make a network on which containers know each other by name."""
    name = _name()
    try:
        docker("network", "create", name)
        yield name
    finally:
        docker("network", "rm", name, check=False)


def _name() -> str:
    return f"spikeproof-test-{uuid.uuid4().hex[:12]}"
