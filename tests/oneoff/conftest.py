"""Fixtures: the app's ./exec with a fake AWS."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from exec_client import Exec, exec_with_cloud
from task_backends import Containers, Nowhere


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
