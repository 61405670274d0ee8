"""Connections: one per Lambda environment, replaced after a drop, and never a write sent twice."""

import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pymysql
import pytest
from sqlalchemy import BigInteger, Engine, column, literal_column, select, table, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

import mysql
from kit.db import connection, database, limits
from kit.db.mysql import connection as kit_mysql

WRITES = 2000
ROWS = "(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) SELECT 1 FROM n, n AS m LIMIT {}) AS r"
WRITTEN = select(column("token", BigInteger)).select_from(table("writes"))


@pytest.fixture
def mysql_engine(tls_server: mysql.Server, project: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setenv("DATABASE_URL", tls_server.url())
    monkeypatch.setenv("DATABASE_CA", tls_server.ca)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "web")
    with database.session() as session:
        session.execute(text("CREATE TABLE IF NOT EXISTS writes (token BIGINT NOT NULL, KEY (token))"))
        session.execute(text("TRUNCATE writes"))
    return database.engine()


def kill_all(server: mysql.Server) -> int:
    """End every connection to this database but our own; how many there were."""
    with server.admin() as admin, admin.cursor() as cursor:
        ours = "SELECT id FROM information_schema.processlist WHERE user = 'app' AND db = %s"
        cursor.execute(ours, (server.database,))
        ended = 0
        for (one,) in cursor.fetchall():
            with suppress(pymysql.Error):  # it may have gone by itself
                cursor.execute(f"KILL {one}")
                ended += 1
    return ended


def statements(server: mysql.Server) -> int:
    with server.admin() as admin, admin.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Questions'")
        return int(cursor.fetchall()[0][1])


def test_lambda_keeps_one_connection_and_others_a_bounded_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "web")
    pool = connection.connect("mysql://u:p@host/db").pool
    assert isinstance(pool, QueuePool)
    assert (pool.size(), pool._max_overflow) == (1, 0)
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME")
    pool = connection.connect("mysql://u:p@host/db").pool
    assert isinstance(pool, QueuePool)
    assert pool.size() + pool._max_overflow == 10


def test_on_sqlite_a_reader_and_a_writer_do_not_wait_for_each_other(tmp_path: Path) -> None:
    engine = connection.connect(f"sqlite:///{tmp_path / 'app.db'}")
    expected = {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 5000}
    with engine.connect() as connected:
        pragmas = {name: connected.exec_driver_sql(f"PRAGMA {name}").scalar() for name in expected}
    engine.dispose()
    assert pragmas == expected


def test_a_connection_is_replaced_before_planetscale_closes_it() -> None:
    assert connection.connect("mysql://u:p@host/db").pool._recycle < 24 * 3600


def test_a_warm_read_is_one_round_trip_and_a_write_three(mysql_engine: Engine, tls_server: mysql.Server) -> None:
    def cost(use: object) -> int:
        before = statements(tls_server)
        use()  # type: ignore[operator]
        return statements(tls_server) - before - nothing

    def read() -> None:
        with database.reading() as session:
            session.execute(text("SELECT count(*) FROM writes")).all()

    def write() -> None:
        with database.session() as session:
            session.execute(text("INSERT INTO writes VALUES (1)"))

    def rows() -> None:
        database.rows(WRITTEN)

    nothing = 0
    nothing = cost(lambda: None)
    assert (cost(read), cost(rows), cost(write)) == (1, 1, 3)


def test_rows_in_a_session_are_those_of_its_transaction_and_leave_the_next_one_whole(mysql_engine: Engine) -> None:
    assert database.rows(WRITTEN) == []
    with pytest.raises(ZeroDivisionError), database.session() as session:
        session.execute(text("INSERT INTO writes VALUES (5)"))
        assert [row.token for row in database.rows(WRITTEN)] == [5]
        raise ZeroDivisionError
    assert database.rows(WRITTEN) == []


def test_rows_are_bounded_as_any_result_is(mysql_engine: Engine) -> None:
    def some(number: int) -> Any:
        return select(literal_column("1")).select_from(text(ROWS.format(number)))

    assert len(database.rows(some(100_000))) == 100_000
    with pytest.raises(limits.ResultTooLarge, match=r"test_database_connections\.py:\d+"):
        database.rows(some(100_001))


def test_a_dropped_connection_is_replaced_transparently(mysql_engine: Engine, tls_server: mysql.Server) -> None:
    for number in range(3):
        assert kill_all(tls_server) == 1
        with database.reading() as session:
            assert session.execute(text("SELECT 1")).scalar() == 1
        assert kill_all(tls_server) == 1
        assert len(database.rows(WRITTEN)) == number
        assert kill_all(tls_server) == 1
        with database.session() as session:
            session.execute(text("INSERT INTO writes VALUES (7)"))
    with database.reading() as session:
        assert session.execute(text("SELECT count(*) FROM writes WHERE token = 7")).scalar() == 3


def test_a_transaction_that_lost_its_connection_fails_and_leaves_nothing(
    mysql_engine: Engine, tls_server: mysql.Server
) -> None:
    with pytest.raises(DBAPIError), database.session() as session:
        session.execute(text("INSERT INTO writes VALUES (8)"))
        kill_all(tls_server)
        session.execute(text("INSERT INTO writes VALUES (8)"))
    with database.reading() as session:
        assert session.execute(text("SELECT count(*) FROM writes WHERE token = 8")).scalar() == 0


def test_a_commit_without_a_response_raises_and_is_not_sent_again(
    mysql_engine: Engine, tls_server: mysql.Server
) -> None:
    with pytest.raises(DBAPIError), database.session() as session:
        session.execute(text("INSERT INTO writes VALUES (9)"))
        kill_all(tls_server)
    with database.reading() as session:
        assert session.execute(text("SELECT count(*) FROM writes WHERE token = 9")).scalar() == 0


def test_killed_at_random_no_write_is_lost_or_done_twice(mysql_engine: Engine, tls_server: mysql.Server) -> None:
    done = threading.Event()
    killed = 0

    def kill_at_random() -> None:
        nonlocal killed
        chance = random.Random(4)
        while not done.is_set():
            killed += kill_all(tls_server)
            done.wait(chance.uniform(0.002, 0.03))

    killer = threading.Thread(target=kill_at_random)
    killer.start()
    acknowledged, failed = [], []
    begun = time.monotonic()
    try:
        for token in range(10_000, 10_000 + WRITES):
            try:
                with database.session() as session:
                    session.execute(text("INSERT INTO writes VALUES (:token)"), {"token": token})
                acknowledged.append(token)
            except DBAPIError:
                failed.append(token)
    finally:
        done.set()
        killer.join()
    with database.reading() as session:
        counted = dict(session.execute(text("SELECT token, count(*) FROM writes GROUP BY token")).all())
    print(f"{WRITES} writes, {killed} kills, {len(failed)} failed, {time.monotonic() - begun:.1f} s")
    assert killed > 20
    assert [token for token in acknowledged if counted.get(token) != 1] == []
    assert [token for token in failed if counted.get(token, 0) > 1] == []


def test_a_silent_connection_is_asked_before_it_is_trusted(
    mysql_engine: Engine, tls_server: mysql.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.session() as session:
        session.execute(text("SELECT 1"))
    now = time.time()
    monkeypatch.setattr(kit_mysql.time, "time", lambda: now + 3600)  # a freeze, as the wall clock sees it
    kill_all(tls_server)
    with mysql_engine.connect() as opened:
        opened.execute(text("INSERT INTO writes VALUES (11)"))
        opened.commit()


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="needs Linux")
def test_the_kernel_gives_up_a_connection_whose_server_acknowledges_nothing(
    tls_server: mysql.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptors: list[int] = []
    create_connection = socket.create_connection

    def create(*arguments: Any) -> socket.socket:
        connected = create_connection(*arguments)
        descriptors.append(connected.fileno())
        return connected

    monkeypatch.setattr(kit_mysql.socket, "create_connection", create)
    opened = kit_mysql.MySQLConnection(**kit_mysql.connect_options(tls_server.url(), tls_server.ca))
    with socket.socket(fileno=os.dup(descriptors[0])) as same:  # TLS has taken the descriptor over
        milliseconds = same.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert milliseconds == kit_mysql.UNACKNOWLEDGED_SECONDS * 1000
    opened.close()


def test_reading_refuses_to_write(mysql_engine: Engine) -> None:
    with pytest.raises(RuntimeError, match="only reads"), database.reading() as session:
        session.execute(text("INSERT INTO writes VALUES (1)"))
