"""MySQL is reached through verified TLS, or it is not reached."""

import datetime
import shutil
import subprocess
from pathlib import Path

import pytest
import trustme
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import mysql
import parts
from kit import tls
from kit.db import connection

SPELLINGS = [
    "",
    "?ssl=false",
    "?ssl_disabled=true",
    "?ssl-mode=DISABLED",
    "?sslmode=disable",
    "?ssl_verify_cert=false&ssl_verify_identity=false",
    '?ssl={"rejectUnauthorized":false}',
    "?sslaccept=accept_invalid_certs",
    "?tls=skip-verify",
    "?unix_socket=/var/run/mysqld/mysqld.sock",
    "?read_default_file=/etc/my.cnf",
]
"""Query parameters by which other clients switch TLS or its verification off."""

NOW = datetime.datetime.now()

CERTIFICATES = {
    "of another host": lambda own: own.issue_cert("db.example.com"),
    "of another address": lambda own: own.issue_cert("127.0.0.2"),
    "of a host below": lambda own: own.issue_cert("*.localhost"),
    "with the name where it no longer counts": lambda own: own.issue_cert("other", common_name="localhost"),
    "expired": lambda own: own.issue_cert(
        *("localhost", "127.0.0.1"),
        not_before=NOW - datetime.timedelta(days=800),
        not_after=NOW - datetime.timedelta(days=365),
    ),
    "not good yet": lambda own: own.issue_cert("localhost", "127.0.0.1", not_before=NOW + datetime.timedelta(days=2)),
    "of an unknown authority": lambda _: trustme.CA().issue_cert("localhost", "127.0.0.1"),
    "of an unknown authority below another": lambda _: trustme.CA().create_child_ca().issue_cert("localhost"),
}


def connects(url: str, ca: str | None) -> bool:
    engine = connection.connect(url, ca=ca)
    try:
        with engine.connect() as opened:
            opened.execute(text("SELECT 1"))
    except DBAPIError:
        return False
    finally:
        engine.dispose()
    return True


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_url_never_switches_tls_off(tls_server: mysql.Server, spelling: str) -> None:
    engine = connection.connect(tls_server.url(query=spelling), ca=tls_server.ca)
    with engine.connect() as opened:
        assert opened.execute(text("SHOW STATUS LIKE 'Ssl_cipher'")).one()[1].startswith("TLS_")
    engine.dispose()


@pytest.mark.parametrize("kind", CERTIFICATES)
def test_a_certificate_that_is_not_the_hosts_own_is_refused(odd_server: mysql.Server, kind: str) -> None:
    odd_server.present(CERTIFICATES[kind](odd_server.authority))
    tried = [odd_server.url(query=spelling) for spelling in SPELLINGS]
    assert [url for url in tried if connects(url, odd_server.ca)] == []


def test_the_same_server_with_the_right_certificate_is_accepted(odd_server: mysql.Server) -> None:
    odd_server.present(odd_server.authority.issue_cert("localhost", "127.0.0.1"))
    assert connects(odd_server.url(), odd_server.ca)


def test_a_ca_that_the_system_does_not_trust_is_refused(tls_server: mysql.Server) -> None:
    assert not connects(tls_server.url(), ca=None)


def test_a_server_without_tls_is_refused_before_the_password_is_sent(
    plain_server: mysql.Server, tls_server: mysql.Server
) -> None:
    tried = [plain_server.url(query=spelling) for spelling in SPELLINGS]
    assert [url for url in tried if connects(url, tls_server.ca)] == []


def test_a_ca_of_the_system_is_trusted(
    tls_server: mysql.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system keeps them in a folder, each under the hash of its name, from which OpenSSL takes what it needs."""
    command = [parts.program("openssl"), "x509", "-noout", "-hash", "-in", tls_server.ca]
    named = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    shutil.copy(tls_server.ca, tmp_path / f"{named}.0")
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    tls.context.cache_clear()
    assert connects(tls_server.url(), ca=None)
    monkeypatch.undo()
    tls.context.cache_clear()
    assert not connects(tls_server.url(), ca=None)


def test_a_file_of_authorities_that_the_machine_names_is_trusted(
    tls_server: mysql.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", tls_server.ca)
    tls.context.cache_clear()
    assert connects(tls_server.url(), ca=None)
    monkeypatch.undo()
    tls.context.cache_clear()


def test_the_authorities_are_read_once_for_a_process() -> None:
    assert tls.context() is tls.context()
