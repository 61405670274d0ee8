"""The database's clock decides about leases and ticks: a worker whose own clock is off does no harm."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sample_jobs import add
from sqlalchemy import select
from stage import effects, make_tables, use

from kit import clock
from kit.db import database, server_clock, tables
from kit.jobs import loading, locks, registry
from kit.jobs.queues.database import DatabaseQueues
from kit.jobs.runners import worker
from kit.testing import enqueued, frozen_clock

OFF = [timedelta(seconds=45), timedelta(hours=-1), timedelta(days=100)]


@pytest.fixture(params=["sqlite", "mysql"], autouse=True)
def database_server(request: pytest.FixtureRequest, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, and a real MySQL server."""
    if request.param == "mysql":
        server = request.getfixturevalue("mysql_server").with_database("jobs")
        use(monkeypatch, DATABASE_URL=server.url(), DATABASE_CA=server.ca)
        make_tables()


@pytest.fixture(params=OFF, ids=str)
def skewed(request: pytest.FixtureRequest) -> Iterator[timedelta]:
    """This machine's clock is off, and the database's is not."""
    clock.use(lambda: datetime.now(UTC) + request.param, database=False)
    yield request.param
    clock.use()


def server_time(seconds: float = 0) -> datetime:
    with database.engine().connect() as connection:
        return server_clock.read(connection) + timedelta(seconds=seconds)


@pytest.mark.parametrize("seconds", [0, 0.25, -0.25, 30, 366 * 86400 * 10, -90 * 86400])
def test_the_expression_is_the_servers_time_that_much_later(seconds: float) -> None:
    before = datetime.now(UTC) + timedelta(seconds=seconds)
    with database.engine().connect() as connection:
        moment: datetime = connection.execute(select(server_clock.now(seconds))).scalar_one()
    after = datetime.now(UTC) + timedelta(seconds=seconds)
    assert before - timedelta(milliseconds=1) <= moment <= after


def test_a_frozen_clock_holds_it_too() -> None:
    with frozen_clock("2026-01-31T12:00:00.123456Z") as held:
        assert server_time() == held.now()
        with database.engine().begin() as connection:
            connection.execute(
                tables.schedule_runs.insert().values(schedule="a", holder="", held_until=server_clock.now(60))
            )
            assert connection.scalar(select(tables.schedule_runs.c.held_until)) == held.now() + timedelta(seconds=60)


def test_a_job_that_another_worker_holds_is_not_taken(skewed: timedelta) -> None:
    add.enqueue("a")
    assert DatabaseQueues().receive(hidden=30)
    assert DatabaseQueues().receive() is None


def test_jobs_run_immediately_or_after_their_delay(skewed: timedelta) -> None:
    add.enqueue("now")
    add.enqueue("later", delay=30)
    made = worker.Worker()
    while made.step():
        pass
    assert effects() == ["now"]
    with database.engine().connect() as connection:
        due = connection.scalar(select(tables.jobs.c.visible_at).where(tables.jobs.c.job == "sample_jobs.add"))
    assert due
    assert abs(due - server_time(30)) < timedelta(seconds=20)


def test_a_schedule_that_is_held_is_held_for_every_worker(skewed: timedelta) -> None:
    with locks.hold("nightly", 30, renew=False) as first, locks.hold("nightly", 30, renew=False) as second:
        assert (first, second) == (True, False)
    assert not locks.remaining("nightly")


def test_a_starting_worker_does_not_fire_again_what_another_fired(
    skewed: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading.load()
    for name in set(registry.schedules) - {"kit-sweep"}:  # those of an app that another test has imported
        monkeypatch.delitem(registry.schedules, name)
    clock.use()
    worker.tick(starting=True)
    with database.engine().begin() as connection:
        connection.execute(tables.schedule_runs.update().values(next_at=server_clock.now()))
    assert worker.tick() == 1
    clock.use(lambda: datetime.now(UTC) + skewed, database=False)
    assert worker.tick(starting=True) == 0
    assert worker.tick() == 0
    assert len(enqueued()) == 1


def test_ticks_go_on_when_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks: list[bool] = []
    monkeypatch.setattr(worker, "tick", lambda *, starting=False: ticks.append(starting))
    monkeypatch.setattr(worker, "TICK", 0.0)
    made = worker.Worker()
    made.step()
    clock.use(lambda: datetime.now(UTC) - timedelta(hours=1), database=False)
    made.step()
    clock.use()
    assert ticks == [True, False]
