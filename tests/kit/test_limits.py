"""PlanetScale's limits, felt at home on SQLite; `test_limits_mysql.py` has the same on MySQL."""

import logging
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from kit.db import connection, database, limits

ROWS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) SELECT i FROM n"


class Clock:
    """A clock that the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.monkeypatch = monkeypatch

    def __call__(self) -> float:
        return self.now


def engine_with(clock: Clock, *, strict: bool) -> Engine:
    clock.monkeypatch.setattr(limits, "clock", clock)
    return connection.connect("sqlite://", strict=strict)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    yield Clock(monkeypatch)


def test_a_transaction_over_20_seconds_fails_and_names_where_it_began(clock: Clock) -> None:
    with pytest.raises(limits.TransactionTooLong) as failure, Session(engine_with(clock, strict=True)) as session:
        session.execute(text("SELECT 1"))
        clock.now = 21
        session.execute(text("SELECT 1"))
    assert "test_limits.py:" in str(failure.value)
    assert "21 s" in str(failure.value)
    assert "kit.db.bulk" in str(failure.value)


def test_a_transaction_that_sleeps_until_its_commit_fails_too_and_is_rolled_back(clock: Clock) -> None:
    engine = engine_with(clock, strict=True)
    with engine.begin() as opened:
        opened.execute(text("CREATE TABLE t (a INTEGER)"))
    with pytest.raises(limits.TransactionTooLong), Session(engine) as session, session.begin():
        session.execute(text("INSERT INTO t VALUES (1)"))
        clock.now = 30
    with engine.connect() as opened:
        assert opened.execute(text("SELECT count(*) FROM t")).scalar() == 0


def test_20_seconds_are_allowed_for_each_transaction(clock: Clock) -> None:
    engine = engine_with(clock, strict=True)
    for _ in range(3):
        with engine.begin() as opened:
            opened.execute(text("SELECT 1"))
            clock.now += 20


def test_production_is_warned_once_before_the_limit(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), engine_with(clock, strict=False).begin() as opened:
        opened.execute(text("SELECT 1"))
        clock.now = 14
        opened.execute(text("SELECT 1"))
        assert not caplog.records
        for clock.now in (16, 25):
            opened.execute(text("SELECT 1"))
    (record,) = caplog.records
    assert "open for 16 s" in record.getMessage()
    assert "test_limits.py:" in record.__dict__["began"]


def test_production_is_warned_of_a_large_result_with_the_line_of_its_query(caplog: pytest.LogCaptureFixture) -> None:
    for rows in (75_000, 75_001):
        limits.check_rows(rows, strict=False)
    (record,) = caplog.records
    assert "a result has 75,001 rows" in record.getMessage()
    assert "test_limits.py:" in record.__dict__["query_at"]


def test_100_001_rows_fail_and_100_000_do_not(clock: Clock) -> None:
    with engine_with(clock, strict=True).connect() as opened:
        assert len(opened.execute(text(ROWS.format(100_000))).all()) == 100_000
        with pytest.raises(limits.ResultTooLarge, match=r"test_limits\.py:\d+ .*100,000"):
            opened.execute(text(ROWS.format(100_001)))


def test_a_result_too_large_fails_even_when_one_row_of_it_is_read(clock: Clock) -> None:
    with (
        pytest.raises(limits.ResultTooLarge),
        engine_with(clock, strict=True).connect() as opened,
    ):
        opened.execute(text(ROWS.format(200_000))).first()


def test_a_session_inside_another_is_refused_with_the_place_of_the_first(
    project: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite://")
    with (
        database.session(),
        pytest.raises(database.NestedSession, match=r"test_limits\.py:\d+"),
        database.reading(),
    ):
        pass


def test_what_runs_after_the_commit_may_open_its_own_session(project: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite://")
    seen = []

    def afterwards(_: Session) -> None:
        with database.session() as another:
            seen.append(another.execute(text("SELECT 1")).scalar())

    with database.session() as session:
        event.listen(session, "after_commit", afterwards)
        session.execute(text("SELECT 1"))
    assert seen == [1]


def test_a_transaction_that_planetscale_ended_is_logged_with_the_line_where_it_began(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    engine = engine_with(clock, strict=False)
    said = "target: app.-.primary: vttablet: rpc error: transaction 7: ended at 20:30 (exceeded timeout: 20s)"

    def ended(*_: object) -> None:
        raise engine.dialect.loaded_dbapi.OperationalError(1105, said)

    with pytest.raises(OperationalError), engine.connect() as opened:
        opened.execute(text("SELECT 1"))
        event.listen(engine.dialect, "do_execute", ended)
        opened.execute(text("SELECT 2"))
    (record,) = caplog.records
    assert "ended a transaction" in record.getMessage()
    assert "test_limits.py:" in record.__dict__["began"]
