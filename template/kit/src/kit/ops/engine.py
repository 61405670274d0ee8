"""The container engine of this machine: Docker, or Podman where there is no Docker."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from kit.errors import UsageError

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy")
"""Build arguments that no Dockerfile has to declare, and that leave no trace in the image.

Source: https://docs.docker.com/reference/dockerfile/#predefined-args
"""
STAGES = {"BASE_IMAGE": "base", "UV_IMAGE": "uv"}
"""The stages of the Dockerfile that another image can replace, by the variable that names the image.

Source: https://docs.docker.com/reference/cli/docker/buildx/build/#build-context
"""


def program() -> str | None:
    """Return the command line of the engine: `docker`, else `podman`, else None."""
    return next(filter(shutil.which, ("docker", "podman")), None)


def build_options() -> list[str]:
    """Return the options of a build, as `make image` has them; values stay in the environment, where passwords belong."""
    arguments = [option for name in ("BYTECODE_PACK", *PROXIES) for option in ("--build-arg", name)]
    images = [(stage, os.environ[name]) for name, stage in STAGES.items() if os.environ.get(name)]
    contexts = [option for stage, image in images for option in ("--build-context", f"{stage}=docker-image://{image}")]
    return arguments + contexts


def build_environment() -> dict[str, str]:
    """Return the environment of a build that leaves the image where `run` and `push` find it.

    That is done by the builder that each Docker context has under its own name, whatever builder the user has selected.
    """
    environment = os.environ | {"DOCKER_BUILDKIT": "1"}
    command = [program() or "docker", "context", "inspect", "--format", "{{.Name}}"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return environment | ({"BUILDX_BUILDER": process.stdout.strip()} if process.returncode == 0 else {})


@dataclass(frozen=True)
class Engine:
    """What matters of a running engine."""

    rootless: bool
    """Whether root in a container is the user who runs the engine."""
    in_vm: bool
    """Whether containers are in a virtual machine, so that their host is not this machine."""

    @classmethod
    def from_info(cls, info: dict[str, Any], *, linux: bool) -> "Engine":
        """Read the output of `docker info` or `podman info`; `linux` is whether this machine runs Linux."""
        security: dict[str, Any] = info.get("host", {}).get("security", {})
        return cls(
            rootless=bool(security.get("rootless")) or "name=rootless" in (info.get("SecurityOptions") or []),
            in_vm=not linux or info.get("OperatingSystem") == "Docker Desktop",
        )


def require(*, linux: bool = sys.platform == "linux") -> Engine:
    """Return the running engine; raises `UsageError`, with the engine's own words, if there is none."""
    if (name := program()) is None:
        raise UsageError("Docker is not installed; it builds the image. Install it: https://docs.docker.com")
    try:
        command = [name, "info", "--format", "{{json .}}"]
        process = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise UsageError(f"{name} info has not answered for a minute. Restart the engine and try again.") from None
    info = {} if process.returncode else json.loads(process.stdout)
    # With --format, older versions of Docker exit with 0 even when no engine answers.
    if process.returncode or info.get("ServerErrors"):
        problem = process.stderr.strip() or "; ".join(info["ServerErrors"])
        raise UsageError(f"{name} info failed: {problem[-2000:]}")
    return Engine.from_info(info, linux=linux)
