"""What the tests of one-off tasks share: the app's ./exec, and a cloud."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from exec_client import Exec, exec_with_cloud
from task_backends import Containers, Nowhere


@pytest.fixture
def aws(image: str, installed_app: Path) -> Iterator[Exec]:
    """./exec, and a cloud whose tasks are containers of the app's image."""
    with exec_with_cloud(Containers(image), installed_app) as exec_:
        yield exec_


@pytest.fixture
def paper(installed_app: Path) -> Iterator[Exec]:
    """./exec, and a cloud whose tasks are nothing but records; they run until they are stopped."""
    with exec_with_cloud(Nowhere(code=None), installed_app) as exec_:
        yield exec_
