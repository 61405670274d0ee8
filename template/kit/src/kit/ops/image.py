"""Build the container image, or load it from an archive, for a stage's processor and push it to the stage's repository."""

import base64
import os
import platform
import re
import subprocess
from typing import Any

from botocore.exceptions import ClientError

from kit.errors import UsageError
from kit.ops import engine, retry
from kit.ops.aws_account import Account
from kit.ops.stage import PROJECT, Stage

PLATFORMS = {"arm64": "linux/arm64", "x86_64": "linux/amd64"}


def repository(account: Account, stage: Stage) -> str | None:
    """The URI of the stage's repository; None when it does not exist yet."""
    ecr = account.session.client("ecr", config=retry.RETRY)
    try:
        answer = ecr.describe_repositories(repositoryNames=[stage.resource_prefix])
    except ecr.exceptions.RepositoryNotFoundException:
        return None
    return str(answer["repositories"][0]["repositoryUri"])


def build(architecture: str) -> str:
    """Build the image for `arm64` or `x86_64` and return its id; raises `UsageError` with the build's output."""
    # Lambda rejects an image with Docker's attestations beside it.
    environment = engine.build_environment() | {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    options = [*engine.build_options(), "--platform", PLATFORMS[architecture]]
    command = [engine.program() or "docker", "build", "--quiet", *options, "."]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        here = "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"
        hint = (
            f"\n\nThe image is for {architecture} and this machine is {here}. Docker Desktop can build for both; "
            "elsewhere, install emulation: docker run --privileged --rm tonistiigi/binfmt --install all"
        )
        raise UsageError(done.stderr.strip()[-4000:] + hint * (here != architecture))
    return done.stdout.strip()


def load(archive: str, architecture: str) -> str:
    """Load the image that `make image IMAGE_FILE=…` saved, and return its id.

    Raises `UsageError` if there is no such file, or if the image is for another processor than `arm64` or `x86_64`.
    """
    if not os.path.isfile(archive):
        raise UsageError(f"There is no file {archive}. Save the image with: make image IMAGE_FILE={archive}")
    loaded = _docker("load", "--quiet", "--input", os.path.abspath(archive))
    name = re.sub(r"^Loaded image(?: ID)?: ", "", loaded.splitlines()[-1])
    built, _, system = _docker("image", "inspect", "--format", "{{.Id}} {{.Os}}/{{.Architecture}}", name).partition(" ")
    if system != PLATFORMS[architecture]:
        raise UsageError(f"The image in {archive} is for {system}, but the stage is for {PLATFORMS[architecture]}.")
    return built


def push(account: Account, stage: Stage, repository_uri: str, image: str) -> str:
    """Push the image unless the repository has it; return it by digest: <repository>@sha256:…"""
    ecr = account.session.client("ecr", config=retry.RETRY)
    tag = image.removeprefix("sha256:")[:40]
    if (digest := _digest(ecr, stage, imageTag=tag)) is None:
        authorization = ecr.get_authorization_token()["authorizationData"][0]
        user, _, password = base64.b64decode(authorization["authorizationToken"]).decode().partition(":")
        registry = repository_uri.partition("/")[0]
        _docker("login", "--username", user, "--password-stdin", registry, stdin=password)
        _docker("tag", image, f"{repository_uri}:{tag}")
        _docker("push", "--quiet", f"{repository_uri}:{tag}")
        digest = _digest(ecr, stage, imageTag=tag)
    if digest is None:
        raise UsageError(f"The image was pushed, but {repository_uri} does not have it. Try again.")
    return f"{repository_uri}@{digest}"


def exists(account: Account, stage: Stage, image: str) -> bool:
    """Whether the repository still has an image, given by digest."""
    ecr = account.session.client("ecr", config=retry.RETRY)
    return _digest(ecr, stage, imageDigest=image.partition("@")[2]) is not None


def _digest(ecr: Any, stage: Stage, **image: str) -> str | None:
    """The digest of an image in the stage's repository."""
    try:
        answer = ecr.describe_images(repositoryName=stage.resource_prefix, imageIds=[image])
    except ClientError as error:
        if error.response["Error"]["Code"] in {"ImageNotFoundException", "RepositoryNotFoundException"}:
            return None
        raise
    return next((str(details["imageDigest"]) for details in answer["imageDetails"]), None)


def _docker(*arguments: str, stdin: str | None = None) -> str:
    name = engine.program() or "docker"
    done = subprocess.run([name, *arguments], input=stdin, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise UsageError(f"{name} {arguments[0]} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout.strip()
