"""The one image: built for the stage's processor, pushed to the stage's repository, known by its digest."""

import base64
import os
import platform
import subprocess
from typing import Any

from botocore.exceptions import ClientError

from kit.errors import UsageError
from kit.ops import retry
from kit.ops.aws_account import Account
from kit.ops.stage import PROJECT, Stage

PLATFORMS = {"arm64": "linux/arm64", "x86_64": "linux/amd64"}


def require_engine() -> None:
    """Raise `UsageError` when no Docker engine answers."""
    try:
        answers = subprocess.run(["docker", "info"], capture_output=True, timeout=60, check=False).returncode == 0  # noqa: S607
    except FileNotFoundError:
        raise UsageError("There is no Docker, which builds the image. Install it: https://docs.docker.com") from None
    except subprocess.TimeoutExpired:
        answers = False
    if not answers:
        raise UsageError("No Docker engine answers, and the image is built with it. Start Docker, and try again.")


def repository(account: Account, stage: Stage) -> str | None:
    """The address of the stage's repository; None when there is none yet."""
    ecr = account.session.client("ecr", config=retry.PATIENT)
    try:
        return str(ecr.describe_repositories(repositoryNames=[stage.called])["repositories"][0]["repositoryUri"])
    except ecr.exceptions.RepositoryNotFoundException:
        return None


def build(architecture: str) -> str:
    """Build it for one processor and give its id; raises `UsageError` with what the build said."""
    # Lambda takes an image alone, without the attestations that Docker would put beside it; and it is built where it
    # can be pushed from, whatever builder is chosen.
    own = {"DOCKER_BUILDKIT": "1", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1", "BUILDX_BUILDER": "default"}
    environment = os.environ | own
    command = ["docker", "build", "--quiet", "--build-arg", "BYTECODE_PACK", "--platform", PLATFORMS[architecture], "."]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        here = "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"
        hint = (
            f"\n\nThe image is for {architecture}, and this machine is {here}. Docker Desktop can build for both; "
            "elsewhere, install its emulation: docker run --privileged --rm tonistiigi/binfmt --install all"
        )
        raise UsageError(done.stderr.strip()[-4000:] + hint * (here != architecture))
    return done.stdout.strip()


def push(account: Account, stage: Stage, address: str, image: str) -> str:
    """Push what is not there yet; give the image by digest, as in <repository>@sha256:…"""
    ecr = account.session.client("ecr", config=retry.PATIENT)
    tag = image.removeprefix("sha256:")[:40]
    if (digest := _found(ecr, stage, imageTag=tag)) is None:
        told = ecr.get_authorization_token()["authorizationData"][0]
        user, _, password = base64.b64decode(told["authorizationToken"]).decode().partition(":")
        registry = address.partition("/")[0]
        _docker("login", "--username", user, "--password-stdin", registry, given=password)
        _docker("tag", image, f"{address}:{tag}")
        _docker("push", "--quiet", f"{address}:{tag}")
        digest = _found(ecr, stage, imageTag=tag)
    if digest is None:
        raise UsageError(f"The image was pushed to {address}, and is not there. Try again.")
    return f"{address}@{digest}"


def exists(account: Account, stage: Stage, image: str) -> bool:
    """Whether the repository still has this image, named by its digest."""
    ecr = account.session.client("ecr", config=retry.PATIENT)
    return _found(ecr, stage, imageDigest=image.partition("@")[2]) is not None


def _found(ecr: Any, stage: Stage, **image: str) -> str | None:
    """The digest of an image in the stage's repository."""
    try:
        told = ecr.describe_images(repositoryName=stage.called, imageIds=[image])
    except ClientError as error:
        if error.response["Error"]["Code"] in {"ImageNotFoundException", "RepositoryNotFoundException"}:
            return None
        raise
    return next((str(one["imageDigest"]) for one in told["imageDetails"]), None)


def _docker(*arguments: str, given: str | None = None) -> None:
    done = subprocess.run(["docker", *arguments], input=given, capture_output=True, text=True, check=False)  # noqa: S603, S607
    if done.returncode:
        raise UsageError(f"docker {arguments[0]} failed: {done.stderr.strip()[-2000:]}")
