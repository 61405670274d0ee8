"""The local queue beside a model: transactions, failures, workers that are killed, retries by hand, a clock that moves.

No job that was committed is lost, none that was rolled back runs, and none that has a key has its effect twice.
QUEUE_STEPS=10000 takes that many steps on SQLite, and as many on MySQL.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import modelled_jobs
import pytest
import sample_jobs
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from modelled_jobs import perform, perform_in_order, plans
from sqlalchemy import delete, func, select
from stage import effects, make_tables, use

from kit import clock, references
from kit.db import database, tables
from kit.jobs import executor
from kit.jobs.executor import ExecutionContext
from kit.jobs.message import Delivery
from kit.jobs.queues.database import DatabaseQueues
from kit.jobs.runners.worker import Worker
from kit.testing import FrozenClock, enqueued

STEPS = int(os.environ.get("QUEUE_STEPS", "240"))
STEPS_EACH = 40
TRANSACTIONS = [
    "none",
    "committed",
    "rolled back",
    "before a savepoint that is rolled back",
    "in a savepoint that is released",
    "in a savepoint that is rolled back",
    "in a released savepoint of a transaction that is rolled back",
]
KEPT = {"none", "committed", "before a savepoint that is rolled back", "in a savepoint that is released"}


class QueueModel(RuleBasedStateMachine):
    """The queue, and what was asked of it."""

    def __init__(self) -> None:
        super().__init__()
        with database.engine().begin() as connection:
            for table in (*tables.metadata.tables.values(), sample_jobs.effects):
                connection.execute(delete(table))
        plans.clear()
        self.clock = FrozenClock(clock.now())
        clock.use(self.clock.now)
        self.committed: set[str] = set()
        self.rolled_back: set[str] = set()
        self.keys: set[str] = set()
        self.held: list[Delivery] = []
        self.numbers = iter(range(1_000_000))

    @rule(
        transaction=st.sampled_from(TRANSACTIONS),
        plan=st.lists(st.sampled_from(["raise", "succeed"]), max_size=4),
        delay=st.sampled_from([0, 0, 45]),
        key=st.sampled_from([None, None, "a", "b", "c"]),
    )
    def enqueue(self, transaction: str, plan: list[str], delay: float, key: str | None) -> None:
        name = f"job {next(self.numbers)}"
        self._in(transaction, lambda: perform.enqueue(name, key, idempotency_key=key, delay=delay), name, key)
        plans[name] = plan

    @rule(
        transaction=st.sampled_from(TRANSACTIONS),
        plan=st.lists(st.sampled_from(["raise", "succeed"]), max_size=4),
        delay=st.sampled_from([0, 0, 45]),
        group=st.sampled_from(["g", "h"]),
    )
    def enqueue_in_a_group(self, transaction: str, plan: list[str], delay: float, group: str) -> None:
        name = f"ordered {next(self.numbers)}"
        self._in(transaction, lambda: perform_in_order.enqueue(name, delay=delay, group=group), name, None)
        plans[name] = plan

    def _in(self, transaction: str, enqueue: Callable[[], Any], name: str, key: str | None) -> None:
        if transaction == "none":
            enqueue()
        else:
            with suppress(ZeroDivisionError), database.session() as session:
                if transaction == "before a savepoint that is rolled back":
                    enqueue()
                    session.begin_nested().rollback()
                elif "savepoint" in transaction:
                    savepoint = session.begin_nested()
                    enqueue()
                    savepoint.rollback() if transaction.endswith(
                        "savepoint that is rolled back"
                    ) else savepoint.commit()
                else:
                    enqueue()
                if transaction.endswith("rolled back") and "savepoint that is rolled back" not in transaction:
                    raise ZeroDivisionError
        if transaction in KEPT:
            self._expect(name, key)
        else:
            self.rolled_back.add(name)

    def _expect(self, name: str, key: str | None) -> None:
        if key:
            self.keys |= {f"key {key}", f"key {key} follows"}
        else:
            self.committed.add(name)

    @rule()
    def work(self) -> None:
        Worker().step()

    @rule(moment=st.sampled_from(["claimed", "in the transaction", "succeeded", "failed", "given up"]))
    def work_and_be_killed(self, moment: str) -> None:
        """A worker is killed when it has claimed a message, or anywhere between that and writing what became of it."""
        database.engine().dispose()
        if (child := os.fork()) == 0:
            with pytest.MonkeyPatch.context() as patch:
                if moment == "in the transaction":
                    patch.setattr(modelled_jobs, "dies", True)
                elif moment == "claimed":
                    patch.setattr(executor, "process", _die)
                else:
                    method = {"succeeded": "delete", "failed": "change_visibility", "given up": "dead_letter"}[moment]
                    patch.setattr(DatabaseQueues, method, _die)
                try:
                    Worker().step()
                finally:
                    os._exit(0)
        os.waitpid(child, 0)

    @rule()
    def claim_and_stand_still(self) -> None:
        if delivery := DatabaseQueues().receive():
            self.held.append(delivery)

    @precondition(lambda self: bool(self.held))
    @rule()
    def go_on(self) -> None:
        """A worker that stood still goes on, perhaps long after its lease has ended."""
        delivery = self.held.pop()
        if executor.process(delivery, ExecutionContext(DatabaseQueues())).finished:
            DatabaseQueues().delete(delivery)

    @rule(seconds=st.sampled_from([0.5, 9, 31, 70, 3600]))
    def move_the_clock(self, seconds: float) -> None:
        self.clock.move(seconds=seconds)

    @precondition(lambda self: bool(DatabaseQueues().dead_letters()))
    @rule(data=st.data())
    def retry_by_hand(self, data: st.DataObject) -> None:
        letters = DatabaseQueues().dead_letters()
        DatabaseQueues().redrive(data.draw(st.sampled_from(letters)))

    @invariant()
    def nothing_has_happened_that_must_not(self) -> None:
        done = Counter(effects())
        assert not self.rolled_back & done.keys(), "a job ran although it was rolled back"
        assert not [name for name, times in done.items() if name.startswith("key") and times > 1]

    @invariant()
    def a_group_has_one_message_in_flight(self) -> None:
        in_flight = select(func.count()).where(
            tables.jobs.c.group_name.is_not(None),
            tables.jobs.c.state == "waiting",
            tables.jobs.c.receive_count > 0,
            tables.jobs.c.visible_at > self.clock.now(),
        )
        with database.engine().connect() as connection:
            assert all(count <= 1 for count in connection.scalars(in_flight.group_by(tables.jobs.c.group_name)))

    def teardown(self) -> None:
        """Let everything end well: then each job that was committed has had its effect."""
        try:
            plans.clear()
            while enqueued() or DatabaseQueues().dead_letters():
                for letter in DatabaseQueues().dead_letters():
                    DatabaseQueues().redrive(letter)
                self.clock.move(hours=12)
                while Worker().step():
                    pass
            done = Counter(effects())
            assert self.committed <= done.keys(), "a job is lost"
            assert {name: done[name] for name in self.keys} == dict.fromkeys(self.keys, 1)
            self.nothing_has_happened_that_must_not()
        finally:
            clock.use()


@pytest.fixture(autouse=True)
def _found_by_workers(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "JOBS", modelled_jobs.__name__)


def _die(*_: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.usefixtures("db")
def test_the_queue_keeps_its_promises_on_sqlite() -> None:
    check(STEPS)


@pytest.mark.usefixtures("db")
def test_the_queue_keeps_its_promises_on_mysql(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    server = request.getfixturevalue("mysql_server").with_database("jobs")
    use(monkeypatch, DATABASE_URL=server.url(), DATABASE_CA=server.ca)
    make_tables()
    check(STEPS if "QUEUE_STEPS" in os.environ else STEPS // 3)


def check(steps: int) -> None:
    run_state_machine_as_test(
        QueueModel,
        settings=settings(
            max_examples=max(1, steps // STEPS_EACH),
            stateful_step_count=STEPS_EACH,
            deadline=None,
            derandomize="QUEUE_STEPS" not in os.environ,
            suppress_health_check=list(HealthCheck),
        ),
    )
