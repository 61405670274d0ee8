"""Errors of the database on the command line: which are explained, and which keep their own words."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pymysql.err import InternalError
from sqlalchemy import Column, MetaData, String, Table, text
from sqlalchemy.exc import DBAPIError

import mysql
import waiting
from kit import settings, testing
from kit.db import connection, database, errors, migrations
from kit.db.types import BigKey
from kit.errors import UsageError


def use(monkeypatch: pytest.MonkeyPatch, url: str, ca: str | None = None) -> None:
    engine = connection.connect(url, ca=ca)
    monkeypatch.setattr(database, "engine", lambda: engine)


def reason() -> str:
    with pytest.raises(UsageError) as caught, errors.explained(), database.engine().connect():
        pass
    return str(caught.value)


def test_a_host_that_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "mysql://app:hush@nowhere.invalid/app")
    assert "can't be reached: there is no host of that name" in reason()
    assert "hush" not in reason()


def test_a_server_that_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    port = waiting.free_port()
    use(monkeypatch, f"mysql://app:hush@127.0.0.1:{port}/app")
    assert f"nothing listens at 127.0.0.1:{port}. Check DATABASE_URL and that the server runs." in reason()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda url: url.replace("app:", "app:x"), "refuses access: MySQL error 1045: Access denied for user 'app'"),
        (lambda url: f"{url}_more", "refuses access: MySQL error 1044: Access denied"),
        (lambda url: url.replace("localhost", "127.0.0.1"), "can't be reached"),
    ],
)
def test_a_server_that_refuses(
    tls_server: mysql.Server, monkeypatch: pytest.MonkeyPatch, change: Callable[[str], str], words: str
) -> None:
    url = change(tls_server.url())
    use(monkeypatch, url, tls_server.ca if "localhost" in url else None)
    assert words in reason()
    assert "p@ss" not in reason()


def test_a_certificate_that_is_not_accepted(tls_server: mysql.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, tls_server.url())
    assert "its certificate is not accepted (" in reason()
    assert "DATABASE_CA" in reason()


def test_a_server_without_tls(plain_server: mysql.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, plain_server.url())
    assert "can't be reached through TLS: MySQL error 2026" in reason()


@pytest.mark.parametrize("content", [b"", b"no database, however long it is read" * 99])
def test_a_file_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    file = tmp_path / "app.db"
    if content:
        file.write_bytes(content)
    else:
        file.mkdir()
    use(monkeypatch, f"sqlite:///{file}")
    assert "can't be opened: SQLite error SQLITE_" in reason()


def test_other_errors_keep_their_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, f"sqlite:///{tmp_path}/app.db")
    with pytest.raises(DBAPIError, match="syntax error"), errors.explained(), database.engine().connect() as opened:
        opened.execute(text("SELEKT 1"))


def test_a_connection_that_is_lost(tls_server: mysql.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, tls_server.url(), tls_server.ca)
    broke = pytest.raises(UsageError, match=r"The connection to .* broke: MySQL error")
    with broke, errors.explained(), database.engine().connect() as opened:
        opened.execute(text("SELECT 1"))
        opened.execute(text(f"KILL {opened.connection.dbapi_connection.thread_id()}"))  # type: ignore[union-attr]


def test_an_error_that_has_no_number_is_quoted_without_one() -> None:
    error = InternalError("Packet sequence number wrong - got 3 expected 2")
    engine = connection.connect("mysql://app:hush@localhost/app")
    assert errors.words(DBAPIError("SELECT 1", {}, error), engine) == str(error)


@pytest.mark.usefixtures("project")
def test_tests_end_with_one_message_if_their_database_cannot_be_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise UsageError("0003 failed in its statement 2")

    monkeypatch.setenv("DATABASE_URL", "")  # restored afterwards
    monkeypatch.setattr(migrations, "upgrade", fail)
    with pytest.raises(pytest.exit.Exception, match="0003 failed in its statement 2"):
        testing.use_database(f"sqlite:///{tmp_path}/test.db")


@pytest.mark.usefixtures("project")
def test_tests_end_with_one_message_if_the_models_have_what_no_migration_creates(
    metadata: MetaData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "")  # restored afterwards
    monkeypatch.setattr(settings, "check", lambda: None)
    testing.use_database(f"sqlite:///{tmp_path}/test.db")
    Table("tags", metadata, Column("id", BigKey, primary_key=True))
    metadata.tables["messages"].append_column(Column("color", String(20)))
    with pytest.raises(
        pytest.exit.Exception, match=r"The models have messages\.color, tags, which no migration creates"
    ):
        testing.use_database(f"sqlite:///{tmp_path}/test.db")
