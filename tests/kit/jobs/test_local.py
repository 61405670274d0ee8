"""Jobs in the app's own database: a laptop's queue, the transaction's promises, and workers that are killed."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator

import pytest
import sample_jobs
from sample_jobs import act, add, ordered, stubborn, two_steps
from sqlalchemy import func, select
from stage import effects, make_tables, use

from kit import clock
from kit.db import database, tables
from kit.jobs import days, enqueue, idempotency, loading, outbox
from kit.jobs.message import Message
from kit.jobs.queues.database import DatabaseQueues
from kit.jobs.queues.sqs import SqsQueues
from kit.jobs.runners import worker
from kit.testing import JobFailed, assert_enqueued, enqueued, frozen_clock, run_jobs

pytestmark = pytest.mark.usefixtures("db")


def drain(made: worker.Worker) -> None:
    while made.step():
        pass


def test_a_rollback_sends_nothing_and_a_commit_sends_all() -> None:
    with pytest.raises(RuntimeError), database.session():
        add.enqueue("never")
        raise RuntimeError
    with database.session():
        add.enqueue("one")
        add.enqueue("two")
        assert DatabaseQueues().receive() is None
    assert run_jobs() == 2
    assert effects() == ["one", "two"]


def test_a_failing_job_is_retried_and_then_dead_lettered_with_its_reason() -> None:
    act.enqueue("a", "raise")
    drain(worker.Worker())
    [letter] = DatabaseQueues().dead_letters()
    assert letter.reason == "ValueError: a failed (attempt 3 of 3, the last)"
    assert effects() == ["a"] * 3
    DatabaseQueues().redrive(letter)
    drain(worker.Worker())
    assert effects() == ["a"] * 6


def test_backoff_and_delay_are_waited_for() -> None:
    with frozen_clock("2026-01-01T00:00:00Z") as held:
        add.enqueue("tomorrow", delay=days(1))
        assert run_jobs() == 0
        held.move(hours=24)
        assert run_jobs() == 1


def test_a_key_has_its_effect_once() -> None:
    for _ in range(3):
        add.enqueue("paid", idempotency_key="order 1")
    add.enqueue("paid", idempotency_key="ORDER 1")
    assert run_jobs() == 4
    assert effects() == ["paid", "paid"]


def test_a_job_with_a_key_is_one_transaction() -> None:
    two_steps.enqueue("a", True, idempotency_key="a")
    drain(worker.Worker())
    assert effects() == []
    assert enqueued() == []
    two_steps.enqueue("b", idempotency_key="b")
    run_jobs()
    assert effects() == ["b 1", "b 2", "b follows"]


def test_of_two_runs_with_one_key_at_the_same_time_one_is_rolled_back() -> None:
    with pytest.raises(idempotency.AlreadyDone), idempotency.once("job", "k"):
        with database.engine().begin() as other:
            other.execute(
                tables.idempotency_keys.insert().values(
                    digest=idempotency.digest("job", "k"), job="job", done_at=clock.now()
                )
            )
        sample_jobs.note("second")
    assert effects() == []


def test_an_error_that_a_keyed_job_swallows_still_rolls_it_back() -> None:
    from kit.db.transactions import RolledBack

    with pytest.raises(RolledBack), idempotency.once("job", "k"):
        sample_jobs.note("first")
        with pytest.raises(ValueError, match="inner"), database.session():
            raise ValueError("inner")
    assert effects() == []


def test_old_keys_are_forgotten() -> None:
    with frozen_clock() as held:
        add.enqueue("a", idempotency_key="k")
        run_jobs()
        held.move(days=91)
        idempotency.prune()
        add.enqueue("a", idempotency_key="k")
        run_jobs()
    assert effects() == ["a", "a"]


def test_one_group_is_run_in_order_on_a_fifo_queue() -> None:
    ordered.enqueue("1", fail=True, group="g")
    ordered.enqueue("2", group="g")
    ordered.enqueue("other", group="h")
    drain(worker.Worker())
    assert [name for name in effects() if name != "other"] == ["1", "1", "2"]


class Taking(SqsQueues):
    """Queues that take messages, or fail to."""

    def __init__(self, fails: bool = False) -> None:
        self.fails, self.sent = fails, list[Message]()

    def send(self, messages: list[Message], delay: float = 0) -> None:
        if self.fails:
            raise OSError("SQS cannot be reached")
        self.sent += messages


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[Taking]:
    """JOBS=sqs, and an SQS that takes what it is sent."""
    taking = Taking()
    use(monkeypatch, JOBS="sqs")
    monkeypatch.setattr(enqueue, "configured_queues", lambda: taking)
    yield taking


def in_outbox() -> int:
    with database.engine().connect() as connection:
        return connection.scalar(select(func.count()).select_from(tables.outbox)) or 0


def test_the_outbox_is_sent_after_the_commit_and_empty_then(away: Taking) -> None:
    with database.session():
        add.enqueue("one")
        assert away.sent == []
    assert ([message.arguments for message in away.sent], in_outbox()) == ([{"name": "one"}], 0)


def test_a_rollback_leaves_nothing_in_the_outbox(away: Taking) -> None:
    with pytest.raises(RuntimeError), database.session():
        add.enqueue("one")
        raise RuntimeError
    assert (away.sent, in_outbox()) == ([], 0)


def test_what_cannot_be_sent_after_the_commit_is_sent_by_the_sweeper(away: Taking) -> None:
    away.fails = True
    with frozen_clock() as held:
        with database.session():
            add.enqueue("one")
        assert in_outbox() == 1
        away.fails = False
        assert outbox.sweep(away) == 0  # it is not left behind yet
        held.move(seconds=61)
        assert outbox.sweep(away) == 1
        assert outbox.sweep(away) == 0
    assert (len(away.sent), in_outbox()) == (1, 0)


def test_a_crash_between_commit_and_send_is_repaired(away: Taking) -> None:
    database.engine().dispose()
    if (child := os.fork()) == 0:
        try:
            away.send = lambda *_: os._exit(9)  # type: ignore[method-assign]
            with database.session() as session:
                session.execute(sample_jobs.effects.insert().values(name="kept"))
                add.enqueue("one")
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert (effects(), in_outbox()) == (["kept"], 1)
    with frozen_clock() as held:
        held.move(seconds=61)
        assert outbox.sweep(away) == 1


def test_inline_jobs_run_immediately_or_after_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, JOBS="inline")
    add.enqueue("now")
    with database.session():
        add.enqueue("then")
        assert effects() == ["now"]
    assert effects() == ["now", "then"]
    with pytest.raises(ValueError, match="failed"):
        act.enqueue("a", "raise")


def test_schedules_tick_once_each_time_and_make_up_for_one_that_was_missed() -> None:
    loading.load()
    with frozen_clock("2026-01-01T00:00:00Z") as held:
        worker.tick(starting=True)
        assert worker.tick() == 0
        held.move(hours=3)
        assert worker.tick(starting=True) == 1
        assert worker.tick() == 0
        [message] = enqueued()
        assert (message.job, message.schedule) == ("kit.jobs.maintenance.sweep", "kit-sweep")
        held.move(minutes=5)
        assert worker.tick() == 1
        assert run_jobs() == 2


def test_the_test_helpers_list_what_is_enqueued() -> None:
    add.enqueue("one")
    assert_enqueued(add, name="one")
    with pytest.raises(
        AssertionError, match=r"add\(name='two'\) is enqueued 0 times, not 1; enqueued are:\n  .*name='one'"
    ):
        assert_enqueued(add, name="two")
    stubborn.enqueue()
    with pytest.raises(JobFailed, match="ValueError: never"):
        run_jobs()


def survive(number: int, *, seed: int, kill_after: tuple[float, float]) -> tuple[int, int, int]:
    """Kill the worker at random moments until all jobs are done; gives lost, doubled (with a key), and kills."""
    add.enqueue_many([(f"plain {one}",) for one in range(number // 2)])
    with database.session():
        for one in range(number // 2):
            add.enqueue(f"key {one}", idempotency_key=str(one))
    dice = random.Random(seed)
    kills = 0
    while enqueued():
        database.engine().dispose()
        if (child := os.fork()) == 0:
            made = worker.Worker(beat=0.05)
            made.work()
        time.sleep(dice.uniform(*kill_after))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        kills += 1
        assert kills < 1000
    done = Counter(effects())
    wanted = {f"{kind} {one}" for kind in ("plain", "key") for one in range(number // 2)}
    doubled = sum(count - 1 for name, count in done.items() if name.startswith("key"))
    return len(wanted - done.keys()) + len(DatabaseQueues().dead_letters()), doubled, kills


def test_no_job_is_lost_and_no_key_is_used_twice_when_workers_are_killed() -> None:
    lost, doubled, kills = survive(1000, seed=1, kill_after=(0.02, 0.4))
    assert (lost, doubled) == (0, 0)
    assert kills > 3


@pytest.fixture
def mysql_tables(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real MySQL server's database, its tables made anew."""
    server = request.getfixturevalue("mysql_server").with_database("jobs")
    use(monkeypatch, DATABASE_URL=server.url(), DATABASE_CA=server.ca)
    make_tables()


def test_no_job_is_lost_on_mysql_with_two_workers(mysql_tables: None) -> None:
    lost, doubled, _ = survive(1000, seed=2, kill_after=(0.05, 0.8))
    assert (lost, doubled) == (0, 0)
    make_tables()
    add.enqueue_many([(str(one),) for one in range(100)])
    database.engine().dispose()
    children = []
    for _ in range(2):
        if (child := os.fork()) == 0:
            drain(worker.Worker())
            os._exit(0)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]
    assert sorted(effects(), key=int) == [str(one) for one in range(100)]
