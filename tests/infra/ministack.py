"""A local AWS in a container: MiniStack, which runs functions and tasks as containers of the app's own image.

Nothing of it can be reached but from this machine. What runs shares a network with a real MySQL server.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx2 as httpx
from tools import environment

import containers
import mysql
import parts
import rie
import waiting

FOLDER = Path(__file__).resolve().parent / "emulator"
IMAGE = "spikeproof-test-ministack:1.5.33"
REGION = "us-east-1"
SOCKET = "/var/run/docker.sock"


@dataclass(frozen=True)
class Emulator:
    """A running emulator."""

    container: containers.Container
    port: int

    @property
    def keys(self) -> dict[str, str]:
        """The environment that points AWS's tools to it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }

    def forget(self) -> None:
        """Reset to an empty account."""
        httpx.post(f"http://127.0.0.1:{self.port}/_ministack/reset", timeout=60, trust_env=False).raise_for_status()

    def client(self, service: str) -> Any:
        """A boto3 client."""
        return boto3.client(
            service,
            endpoint_url=self.keys["AWS_ENDPOINT_URL"],
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


@contextmanager
def running(server: mysql.Server) -> Iterator[Emulator]:
    """Run one on the network of a MySQL server; it is removed with all that it has started."""
    containers.require_engine()
    if not Path(SOCKET).exists():
        parts.missing("a local AWS", f"the Docker engine has no socket at {SOCKET}, by which it starts containers")
    try:
        containers.docker("build", "--tag", IMAGE, str(FOLDER), timeout=600)
    except AssertionError as error:
        parts.missing("a local AWS", f"its image cannot be built: {str(error).splitlines()[-1]}")
    port = waiting.free_port()
    with containers.network() as network:
        variables = {
            "AWS_ENDPOINT_URL": f"http://aws:{port}",
            "DOCKER_NETWORK": network,
            "GATEWAY_PORT": port,
            "LAMBDA_EXECUTOR": "docker",
            "MINISTACK_HOST": "aws",
            "MINISTACK_REGION": REGION,
            "RIE": rie.program(),
            "AUTHORITY": server.ca,
        }
        options = [option for name, value in variables.items() for option in ("--env", f"{name}={value}")]
        options += ["--network", network, "--network-alias", "aws", "--publish", f"127.0.0.1:{port}:{port}"]
        containers.docker("network", "connect", "--alias", mysql.NAME, network, server.container.name)
        try:
            with containers.running(IMAGE, options=[*options, "--volume", f"{SOCKET}:{SOCKET}"]) as container:
                emulator = Emulator(container, port)
                waiting.until(lambda: "Running on" in container.logs(), what="the local AWS", seconds=120)
                yield emulator
        finally:
            containers.docker("network", "disconnect", "--force", network, server.container.name, check=False)
            _remove("container", containers.docker("ps", "--all", "--quiet", "--filter", f"network={network}"))
            # By name: another run may have the same image.
            named = ["images", "--format", "{{.Repository}}:{{.Tag}}", f"127.0.0.1:{port}/*"]
            _remove("image", containers.docker(*named))


def _remove(kind: str, listed: str) -> None:
    if ids := sorted(set(listed.split())):
        containers.docker(kind, "rm", "--force", *ids, check=False)


def machine(folder: Path, emulator: Emulator) -> dict[str, str]:
    """An environment in which AWS is the emulator; Docker's logins are stored in `folder`.

    SAM asks for the state of a stack every 5 seconds without SAM_CLI_POLL_DELAY, and the emulator needs less than one.
    """
    variables = {"DOCKER_CONFIG": str(folder), "PATH": os.environ["PATH"], "SAM_CLI_POLL_DELAY": "0.2"}
    return environment() | emulator.keys | variables
