"""Whatever is done to both queues, in any order: the one of a laptop and SQS tell the same of it.

QUEUE_EXAMPLES raises the number of random histories, each of up to fifty steps (8 in CI, 10,000 before a release).
"""

import logging
import os
from typing import Any

import pytest
from aws_emulator import Emulator
from both_queues import Aws, Local, letters, seen
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from sqlalchemy import delete
from stage import WIRED, use

from kit import clock
from kit.db import database, tables
from kit.jobs.message import Delivery, Message
from kit.jobs.queues import sqs
from kit.testing import FrozenClock

EXAMPLES = int(os.environ.get("QUEUE_EXAMPLES", "8"))
SECONDS = st.sampled_from([1, 5, 29, 30, 31, 299, 300, 900, 3600])


class BothQueues(RuleBasedStateMachine):
    """A step is done on both sides, and what a worker sees of it is compared."""

    def __init__(self, name: str, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, frozen: FrozenClock) -> None:
        super().__init__()
        self.name, self.frozen = name, frozen
        with database.engine().begin() as connection:
            connection.execute(delete(tables.jobs))
        emulator.schedules.clear()
        self.local, self.aws = Local(name), Aws(emulator, name)
        places = {"JOBS_QUEUES": f"{name}={self.aws.url}", "JOBS_DEAD_LETTER_QUEUES": f"{name}={self.aws.dead_url}"}
        for variable, value in places.items():
            monkeypatch.setenv(variable, value)
        from kit import settings as kit_settings

        kit_settings.current.cache_clear()
        sqs._max_receive_count.cache_clear()
        self.sent = 0
        self.taken: list[tuple[Delivery, Delivery, float]] = []
        """What was received on both sides, and until when it is hidden."""

    def both(self, step: Any) -> tuple[Any, Any]:
        return step(self.local), step(self.aws)

    @rule(group=st.sampled_from("ab"), number=st.integers(1, 3), delay=st.sampled_from([0, 0, 0, 10, 900, 901]))
    def send(self, group: str, number: int, delay: int) -> None:
        messages = []
        for _ in range(number):
            self.sent += 1
            messages.append(Message.new("sample_jobs.add", {"name": self.sent}, queue=self.name, group=group))
            self.both(lambda side: side.queues.send(messages[-1:], delay))
            self.tick()

    @rule(hidden=st.sampled_from([5, 30, 600]))
    def receive(self, hidden: int) -> None:
        mine, theirs = self.both(lambda side: side.receive(hidden))
        assert seen(mine) == seen(theirs)
        if mine:
            self.taken.append((mine, theirs, self.now + hidden))
        self.tick()

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        mine, theirs, _ = data.draw(st.sampled_from(self.taken))
        self.local.queues.delete(mine)
        self.aws.queues.delete(theirs)

    @precondition(lambda self: self.taken)
    @rule(data=st.data(), seconds=st.sampled_from([0, 10, 60, 7200]))
    def hide(self, data: st.DataObject, seconds: int) -> None:
        taken = data.draw(st.sampled_from(self.taken))
        mine, theirs, until = taken
        self.local.queues.change_visibility(mine, seconds)
        self.aws.queues.change_visibility(theirs, seconds)
        if until > self.now:
            self.taken[self.taken.index(taken)] = (mine, theirs, self.now + seconds)
        self.tick()

    @precondition(lambda self: self.in_hand)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        mine, theirs, _ = taken = data.draw(st.sampled_from(self.in_hand))
        for side, delivery in ((self.local, mine), (self.aws, theirs)):
            side.queues.dead_letter(delivery, f"reason {self.sent}", Message.from_json(delivery.body))
            side.queues.delete(delivery)
        self.taken.remove(taken)

    @precondition(lambda self: self.in_hand)
    @rule(data=st.data(), wait=st.sampled_from([0, 30]))
    def replace(self, data: st.DataObject, wait: int) -> None:
        mine, theirs, _ = taken = data.draw(st.sampled_from(self.in_hand))
        copy = Message.from_json(mine.body).retry(attempts_used=mine.receive_count)
        for side, delivery in ((self.local, mine), (self.aws, theirs)):
            side.queues.send([copy], wait)
            side.queues.delete(delivery)
        self.taken.remove(taken)
        self.tick()

    @rule(act=st.sampled_from(["redrive", "delete_dead_letter"]), which=st.integers(0, 5))
    def settle_a_letter(self, act: str, which: int) -> None:
        for side in (self.local, self.aws):
            with side.queues.receive_dead_letters() as found:
                for letter in sorted(found, key=lambda letter: letter.id)[which : which + 1]:
                    getattr(side.queues, act)(letter)
        self.tick()

    @rule(seconds=SECONDS)
    def move(self, seconds: int) -> None:
        self.frozen.move(seconds=seconds)
        self.wait_for_scheduler()

    def tick(self) -> None:
        """No two messages become due at the same moment, as there SQS promises no order."""
        self.frozen.move(milliseconds=1)
        self.wait_for_scheduler()

    def wait_for_scheduler(self) -> None:
        """EventBridge Scheduler counts whole seconds: let it send what is due within this one, before what comes next."""
        if any(0 < at - self.now < 1 for at in self.aws.scheduled()):
            self.frozen.move(seconds=1)

    @property
    def now(self) -> float:
        return clock.now().timestamp()

    @property
    def in_hand(self) -> list[tuple[Delivery, Delivery, float]]:
        """What was received and neither settled nor given out again."""
        with database.engine().connect() as connection:
            current = set(connection.execute(tables.jobs.select().with_only_columns(tables.jobs.c.receipt)).scalars())
        return [one for one in self.taken if one[2] > self.now and one[0].receipt in current]

    def teardown(self) -> None:
        self.compare()

    @rule()
    def compare(self) -> None:
        assert self.local.count() == self.aws.count()
        mine, theirs = self.both(lambda side: letters(side.queues.dead_letters()))
        assert mine == theirs
        assert self.local.queues.count_dead_letters() == self.aws.queues.count_dead_letters()


@pytest.mark.parametrize("name", ["default", "orders.fifo"])
def test_both_queues_do_the_same(name: str, db: None, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    from kit.testing import frozen_clock

    use(monkeypatch, **WIRED, AWS_ENDPOINT_URL=emulator.sqs.address)
    monkeypatch.setattr(logging.getLogger("kit.jobs"), "disabled", True)
    with frozen_clock("2026-01-01T00:00:00Z") as frozen:
        run_state_machine_as_test(
            lambda: BothQueues(name, emulator, monkeypatch, frozen),
            settings=settings(
                max_examples=EXAMPLES, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
