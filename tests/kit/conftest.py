"""What the tests of the kit's database share: one MySQL server for all of them, and its authority."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

sys.path.insert(0, str(Path(__file__).parent))

import mysql


@dataclass
class Tls:
    """A server, and the authority that signed its certificate."""

    server: mysql.Server
    authority: trustme.CA
    ca: str
    folder: Path


@contextmanager
def _serve(folders: pytest.TempPathFactory) -> Iterator[Tls]:
    folder = folders.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(ca := folders.mktemp("ca") / "ca.pem"))
    with mysql.server(folder, authority.issue_cert("localhost", "127.0.0.1")) as server:
        yield Tls(server, authority, str(ca), folder)


@pytest.fixture(scope="session")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tls]:
    """A MySQL server with TLS, signed for localhost."""
    with _serve(tmp_path_factory) as served:
        yield served


@pytest.fixture(scope="session")
def odd_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tls]:
    """The same, for tests that give it other certificates."""
    with _serve(tmp_path_factory) as served:
        yield served


@pytest.fixture(scope="session")
def plain_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[mysql.Server]:
    """A MySQL server that offers no TLS at all."""
    with mysql.server(tmp_path_factory.mktemp("plain"), None) as server:
        yield server


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings and engine read anew, before and after."""
    from kit import database, settings

    for name in ("DATABASE_URL", "DATABASE_CA", "DATABASE_LIMITS", "DATABASE_URL_SECRET"):
        monkeypatch.delenv(name, raising=False)
    settings.current.cache_clear()
    database.engine.cache_clear()
    yield
    if database.engine.cache_info().currsize:
        database.engine().dispose()
    settings.current.cache_clear()
    database.engine.cache_clear()
