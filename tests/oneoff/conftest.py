"""What the tests of one-off tasks share: the app's ./exec, and a cloud."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from clients import Exec, in_a_cloud
from places import Containers, Nowhere


@pytest.fixture
def aws(image: str, installed_app: Path) -> Iterator[Exec]:
    """./exec, and a cloud whose tasks are containers of the app's image."""
    with in_a_cloud(Containers(image), installed_app) as given:
        yield given


@pytest.fixture
def paper(installed_app: Path) -> Iterator[Exec]:
    """./exec, and a cloud whose tasks are nothing but records; they run until they are stopped."""
    with in_a_cloud(Nowhere(code=None), installed_app) as given:
        yield given
