"""Runs of one schedule do not overlap, and what happens to the lease changes nothing about the runs."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sample_jobs import note
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from stage import Context, Queue, effects

from kit.db import database
from kit.jobs import decorators, enqueue, executor, loading, locks, registry, schedules
from kit.jobs.decorators import Job
from kit.jobs.executor import ExecutionContext
from kit.jobs.message import Delivery, Message
from kit.jobs.queues.database import DatabaseQueues
from kit.jobs.runners import aws_lambda
from kit.testing import enqueued, frozen_clock, run_jobs

TICK = "2026-01-01T00:00:00Z"


@pytest.fixture
def nightly(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Job[Any, Any]]]:
    """Schedule a job under the name nightly; `during` is what it does."""

    def make(
        during: Callable[[], None] = lambda: note("ran"), *, overlap: str = "skip", **options: Any
    ) -> Job[Any, Any]:
        def nightly() -> None:
            during()

        nightly.__qualname__ = "nightly"
        job = decorators.job(backoff=0, **options)(nightly)
        schedules.schedule("rate(5 minutes)", overlap=overlap)(job)
        return job

    loading.load()
    monkeypatch.setattr(registry, "schedules", dict(registry.schedules))
    monkeypatch.setattr(registry, "jobs", dict(registry.jobs))
    yield make


def deliver() -> None:
    enqueue.enqueue_tick("nightly", TICK)


def process(delivery: Delivery | None) -> executor.Outcome:
    assert delivery
    queues = DatabaseQueues()
    outcome = executor.process(delivery, ExecutionContext(queues))
    if outcome.finished:
        queues.delete(delivery)
    return outcome


def test_a_run_is_skipped_while_another_is_in_progress(nightly: Any) -> None:
    nightly()
    with locks.hold("nightly", 60, renew=False):
        deliver()
        assert process(DatabaseQueues().receive()) is executor.Outcome.SKIPPED
    deliver()
    assert process(DatabaseQueues().receive()) is executor.Outcome.SUCCEEDED
    assert effects() == ["ran"]


def test_a_tick_that_is_delivered_twice_does_not_run_twice_at_once(nightly: Any) -> None:
    """Nor does the delivery that ends first let a third one in."""
    others: list[executor.Outcome] = []

    def during() -> None:
        note("ran")
        if not others:
            for _ in range(2):
                others.append(process(DatabaseQueues().receive()))

    nightly(during)
    for _ in range(3):
        deliver()
    assert process(DatabaseQueues().receive()) is executor.Outcome.SUCCEEDED
    assert others == [executor.Outcome.SKIPPED, executor.Outcome.SKIPPED]
    assert effects() == ["ran"]


@pytest.mark.parametrize("queue_name", ["default", "orders.fifo"])
def test_waiting_for_the_run_before_it_costs_no_attempt(nightly: Any, queue_name: str) -> None:
    nightly(overlap="queue", attempts=1, queue=queue_name)
    with frozen_clock(TICK) as clock:
        deliver()
        with locks.hold("nightly", 3600, renew=False):
            for _ in range(20):
                assert run_jobs() == 1
                clock.move(seconds=executor.LOCK_POLL)
            assert effects() == []
        assert run_jobs() == 1
        assert (effects(), enqueued(), DatabaseQueues().dead_letters()) == (["ran"], [], [])


def test_waiting_on_sqs_costs_no_attempt_whatever_the_queues_max_receive_count(
    nightly: Any, queue: Callable[..., Queue], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "LOCK_POLL", 0)
    default = queue(2)
    nightly(overlap="queue", attempts=1)
    deliver()
    with locks.hold("nightly", 3600, renew=False):
        for _ in range(10):
            deliver_batch(default)
    assert effects() == []
    deliver_batch(default)
    assert effects() == ["ran"]
    assert default.event() is None
    assert enqueue.configured_queues().dead_letters() == []  # type: ignore[attr-defined]


def deliver_batch(default: Queue) -> None:
    event = default.event()
    assert event
    default.settle(event, aws_lambda.run(event, Context().get_remaining_time_in_millis))


def test_no_task_is_started_for_a_long_job_that_would_only_wait(nightly: Any) -> None:
    """A task takes a minute and costs money to find out what the function knows."""
    started: list[Delivery] = []

    def launch(_: Job[Any, Any], __: Message, delivery: Delivery) -> None:
        started.append(delivery)

    nightly(overlap="queue", max_runtime=3600)
    deliver()
    delivery = DatabaseQueues().receive()
    assert delivery
    with locks.hold("nightly", 60, renew=False):
        assert (
            executor.process(delivery, ExecutionContext(DatabaseQueues(), launch=launch)) is executor.Outcome.REPLACED
        )
    assert started == []
    assert executor.process(delivery, ExecutionContext(DatabaseQueues(), launch=launch)) is executor.Outcome.STARTED


def test_the_lease_is_renewed_while_the_job_runs_and_ends_when_its_process_dies(
    nightly: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed = threading.Event()
    renew = locks._renew
    monkeypatch.setattr(locks, "_renew", lambda *arguments: (renew(*arguments), renewed.set()))
    with locks.hold("nightly", 0.06, renew=True):
        assert renewed.wait(30)
    assert not locks.remaining("nightly")
    with frozen_clock() as clock:
        assert locks._acquire("nightly", "died", 60)
        assert locks.remaining("nightly")
        clock.move(seconds=60)
        with locks.hold("nightly", 60, renew=False) as held:
            assert held


def test_a_run_that_lost_its_lease_takes_it_from_nobody(db: None) -> None:
    with frozen_clock() as clock:
        with locks.hold("nightly", 60, renew=False):
            clock.move(seconds=61)
            with locks.hold("nightly", 120, renew=False) as other:
                assert other
                with pytest.raises(RuntimeError, match="another run holds the schedule"):
                    locks._renew("nightly", "mine", 60)
            assert locks._acquire("nightly", "third", 60)
        assert locks.remaining("nightly")


@pytest.mark.parametrize("fails", [False, True])
def test_a_release_that_fails_changes_nothing_about_the_outcome(nightly: Any, fails: bool) -> None:
    def during() -> None:
        note("ran")
        event.listen(database.engine(), "before_cursor_execute", refuse)
        if fails:
            raise ValueError("failed")

    def refuse(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith("UPDATE kit_schedule_runs"):
            raise OperationalError(statement, {}, Exception("gone"))

    nightly(during, attempts=1)
    deliver()
    with frozen_clock() as clock:
        clock.move(hours=24)
        outcome = process(DatabaseQueues().receive())
        event.remove(database.engine(), "before_cursor_execute", refuse)
        assert outcome is (executor.Outcome.DEAD_LETTERED if fails else executor.Outcome.SUCCEEDED)
        assert (effects(), enqueued()) == (["ran"], [])
        assert locks.remaining("nightly")
        clock.move(seconds=60)
        assert not locks.remaining("nightly")
