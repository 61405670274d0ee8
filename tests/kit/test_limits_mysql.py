"""PlanetScale's limits, felt on a MySQL server as on SQLite."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

import mysql
from kit.db import connection, limits

ROWS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) SELECT 1 FROM n, n AS m LIMIT {}"


@pytest.fixture
def engine(tls_server: mysql.Server) -> Iterator[Engine]:
    made = connection.connect(tls_server.url(), ca=tls_server.ca)
    yield made
    made.dispose()


def test_a_transaction_over_20_seconds_fails_and_is_rolled_back(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(limits, "clock", lambda: now)
    with engine.begin() as opened:
        opened.execute(text("DROP TABLE IF EXISTS slow"))
        opened.execute(text("CREATE TABLE slow (a INT PRIMARY KEY)"))
    with pytest.raises(limits.TransactionTooLong, match=r"test_limits_mysql\.py:\d+"), Session(engine) as session:
        session.execute(text("INSERT INTO slow VALUES (1)"))
        now = 21
        session.commit()
    with engine.connect() as opened:
        assert opened.execute(text("SELECT count(*) FROM slow")).scalar() == 0


def test_100_001_rows_fail_and_100_000_do_not(engine: Engine) -> None:
    with engine.connect() as opened:
        assert len(opened.execute(text(ROWS.format(100_000))).all()) == 100_000
        with pytest.raises(limits.ResultTooLarge, match=r"test_limits_mysql\.py:\d+"):
            opened.execute(text(ROWS.format(100_001)))


def test_a_connection_in_autocommit_keeps_each_statement(engine: Engine) -> None:
    with engine.begin() as opened:
        opened.execute(text("CREATE TABLE IF NOT EXISTS alone (a INT PRIMARY KEY)"))
        opened.execute(text("DELETE FROM alone"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as opened:
        opened.execute(text("INSERT INTO alone VALUES (1)"))
    with engine.begin() as opened:
        assert opened.execute(text("SELECT count(*) FROM alone")).scalar() == 1
        opened.execute(text("INSERT INTO alone VALUES (2)"))
        opened.rollback()
    with engine.connect() as opened:
        assert opened.execute(text("SELECT count(*) FROM alone")).scalar() == 1


def test_moments_are_read_as_pymysql_reads_them(engine: Engine) -> None:
    query = "SELECT CAST('2026-11-23 20:30:00' AS DATETIME), CAST('2026-11-23 20:30:00.000012' AS DATETIME(6)), NOW(3)"
    with engine.connect() as opened:
        first, second, third = opened.execute(text(query)).one()
    assert (str(first), str(second)) == ("2026-11-23 20:30:00", "2026-11-23 20:30:00.000012")
    assert third.microsecond % 1000 == 0
