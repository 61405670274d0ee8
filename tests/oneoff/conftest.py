"""Fixtures: the app's ./exec, and its parts, with a fake AWS."""

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from cloud import ACCOUNT, CLUSTER, PATIENCE, REGION, WHO
from exec_client import Exec, exec_with_cloud
from task_backends import Containers, Nowhere

from kit.ops import retry, task_logs
from kit.ops.aws_account import Account
from kit.ops.deployed import Deployed
from kit.ops.stage import Stage


@pytest.fixture
def aws(image: str, installed_app: Path) -> Iterator[Exec]:
    """./exec with a fake AWS whose tasks are containers of the app's image."""
    with exec_with_cloud(Containers(image), installed_app) as exec_:
        yield exec_


@pytest.fixture
def paper(installed_app: Path) -> Iterator[Exec]:
    """./exec with a fake AWS whose tasks are only records and run until they are stopped."""
    with exec_with_cloud(Nowhere(code=None), installed_app) as exec_:
        yield exec_


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten all waits, including those of boto3's retries."""
    pause = types.SimpleNamespace(sleep=lambda _: None)
    monkeypatch.setattr("botocore.endpoint.time", pause)
    monkeypatch.setattr(retry, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(retry, "REQUEST_SECONDS", 5.0)
    monkeypatch.setattr(task_logs, "LATE", 1.0)
    retries: Any = {"mode": "standard", "total_max_attempts": 3}
    monkeypatch.setattr(retry, "RETRY", Config(read_timeout=PATIENCE, retries=retries))


@pytest.fixture
def deployed() -> Deployed:
    arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{CLUSTER}"
    return Deployed(
        Stage("my-app", "prod"), arn, f"{CLUSTER}:7", "image", ("subnet-1",), ("sg-1",), "/my-app-prod/tasks"
    )


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Log in to a cloud."""

    def to(served: dict[str, str]) -> Account:
        for name, value in served.items():
            monkeypatch.setenv(name, value)
        return Account(ACCOUNT, WHO, REGION, boto3.Session(region_name=REGION))

    return to
