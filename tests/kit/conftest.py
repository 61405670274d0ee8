"""What the tests of the kit share."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Column, MetaData, String, Table, Text

import mysql


@pytest.fixture(autouse=True)
def _no_bytecode() -> Iterator[None]:
    """A test may rewrite a module within a second, at the same size, which bytecode wouldn't notice."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    yield
    sys.dont_write_bytecode = before


@pytest.fixture(scope="session")
def tls_server(mysql_server: mysql.Server) -> mysql.Server:
    """A MySQL server with TLS, signed for localhost, and an empty database."""
    return mysql_server.with_database("kit")


@pytest.fixture(scope="session")
def odd_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[mysql.Server]:
    """A server for tests that give it other certificates; a lock timeout rolls back the whole transaction there."""
    options = ["--innodb-rollback-on-timeout"]
    with mysql.server(tmp_path_factory.mktemp("odd"), options=options, keeps_data=True) as server:
        yield server


@pytest.fixture(scope="session")
def plain_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[mysql.Server]:
    """A MySQL server that offers no TLS at all."""
    with mysql.server(tmp_path_factory.mktemp("plain"), tls=False) as server:
        yield server


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings and engine read anew, before and after."""
    from kit import settings
    from kit.db import database

    for name in ("DATABASE_URL", "DATABASE_CA", "DATABASE_LIMITS", "DATABASE_URL_SECRET"):
        monkeypatch.delenv(name, raising=False)
    settings.current.cache_clear()
    database.engine.cache_clear()
    yield
    if database.engine.cache_info().currsize:
        database.engine().dispose()
    settings.current.cache_clear()
    database.engine.cache_clear()


@pytest.fixture
def metadata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MetaData:
    """The models of a project that has the wall's migrations so far."""
    from kit import references, settings
    from kit.db.types import BigKey, UtcDateTime

    shutil.copytree(settings.PROJECT / "migrations", tmp_path / "migrations")
    monkeypatch.setattr(settings, "PROJECT", tmp_path)
    models = MetaData()
    monkeypatch.setattr(references, "load", lambda _: models)
    Table(
        "messages",
        models,
        Column("id", BigKey, primary_key=True),
        Column("text", String(280), nullable=False),
        Column("posted_at", UtcDateTime, nullable=False),
        Column("picture", Text),
    )
    return models
