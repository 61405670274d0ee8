"""Shared fixtures. `make test DB=mysql` sets TEST_DATABASE_URL; the tests empty the tables of that database."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from kit import testing


@pytest.fixture(scope="session", autouse=True)
def _database(tmp_path_factory: pytest.TempPathFactory) -> None:
    file: Path = tmp_path_factory.mktemp("database") / "test.db"
    testing.use_database(os.environ.get("TEST_DATABASE_URL") or f"sqlite:///{file}")


@pytest.fixture(autouse=True)
def _clean(_database: None) -> None:
    testing.empty_tables()


@pytest.fixture
def client() -> Iterator[TestClient]:
    """A client that doesn't follow redirects."""
    from app.web import app

    with TestClient(app, follow_redirects=False, raise_server_exceptions=False) as test_client:
        yield test_client
