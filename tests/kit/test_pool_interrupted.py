"""A job that is stopped anywhere, also while it takes its connection out of the pool, leaves a usable database."""

import gc
import random
import sys
from collections.abc import Iterator
from contextlib import suppress
from time import perf_counter
from types import FrameType
from typing import Any, Self

import pytest
from sqlalchemy import Engine, literal, select, text
from sqlalchemy.exc import SQLAlchemyError

import mysql
from kit.db import database
from kit.jobs import timeouts
from kit.jobs.timeouts import OutOfTime

# Some lines of the pool belong to a finalizer, and an interrupted connection is closed by the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def engine(mysql_server: mysql.Server, project: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The app's engine as on Lambda, with one connection."""
    server = mysql_server.with_database("interrupted")
    monkeypatch.setenv("DATABASE_URL", server.url())
    monkeypatch.setenv("DATABASE_CA", server.ca)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "jobs")
    monkeypatch.setattr(database.engine().pool, "_timeout", 0.05)  # what is lost is lost at once
    with database.session() as session:
        session.execute(text("CREATE TABLE written (id INT PRIMARY KEY)"))
    yield database.engine()
    gc.collect()


class Interruption:
    """Raises `OutOfTime` at the n-th line that is executed in SQLAlchemy's pool, as the alarm of a time limit may."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.raised = False

    def __call__(self, frame: FrameType, event: str, _: object) -> Any:
        if "/sqlalchemy/pool/" not in frame.f_code.co_filename and "util/queue" not in frame.f_code.co_filename:
            return None
        if event == "line":
            self.left -= 1
            if self.left < 0 and not self.raised:
                self.raised = True
                raise OutOfTime
        return self

    def __enter__(self) -> Self:
        self.before = sys.gettrace()
        sys.settrace(self)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self.before)


def interrupt(at: int, number: int) -> bool:
    """Write a row in a job that is stopped at a line of the pool; whether there was such a line."""
    with suppress(OutOfTime, SQLAlchemyError), Interruption(at) as interruption, database.session() as session:
        session.execute(text(f"INSERT INTO written VALUES ({number})"))
    return interruption.raised


def works(number: int) -> None:
    with database.session() as session:
        session.execute(text(f"INSERT INTO written VALUES ({number})"))
    assert database.rows(select(literal(1))) == [(1,)]


def test_after_a_stop_at_any_line_of_the_pool_the_next_session_works(engine: Engine) -> None:
    at = 0
    while interrupt(at, -at - 1):
        database.replace_pool()
        works(at)
        assert engine.pool.status().endswith("Current Checked out connections: 0")
        at += 1
    assert at > 50  # lines of taking a connection and of returning it


def test_without_a_new_pool_a_stop_can_lose_the_connection(engine: Engine) -> None:
    def survives(at: int) -> bool:
        if not interrupt(at, -at - 1):
            return False
        works(at)
        return True

    with pytest.raises(SQLAlchemyError, match="QueuePool limit of size 1 overflow 0 reached"):
        for at in range(1000):
            assert survives(at)


def test_jobs_that_are_stopped_at_random_moments_lose_no_connection_and_no_row(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)  # pytest's own would be interrupted too
    random_moment, committed, unknown = random.Random(5), set(), set()

    def job(number: int) -> None:
        unknown.add(number)
        with database.session() as session:
            session.execute(text(f"INSERT INTO written VALUES ({number})"))
        committed.add(number)

    database.replace_pool()
    started = perf_counter()
    job(1001)  # with a new connection, as after a stop
    longest = 1.5 * (perf_counter() - started)
    for number in range(300):
        with suppress(OutOfTime, Exception):  # a cleanup that is interrupted too may end in any error
            timeouts.call(job, {"number": number}, random_moment.uniform(longest / 10, longest))
    works(1000)
    with database.reading() as session:
        written = set(session.scalars(text("SELECT id FROM written WHERE id != 1000")))
    assert committed <= written <= unknown
    assert 0 < len(committed - {1001}) < 300


def test_rows_are_read_from_the_new_pool(engine: Engine) -> None:
    before = engine.pool
    database.rows(select(literal(1)))
    database.replace_pool()
    database.rows(select(literal(1)))
    assert engine.pool is not before
    assert engine.pool.status() == (
        "Pool size: 1  Connections in pool: 1 Current Overflow: 0 Current Checked out connections: 0"
    )
