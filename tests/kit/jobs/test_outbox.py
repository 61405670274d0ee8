"""What is committed and not yet sent: no row keeps another waiting, and only what was accepted is deleted."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sample_jobs import add
from sqlalchemy import insert, select
from stage import use

from kit import aws
from kit.db import database, tables
from kit.jobs import enqueue, idempotency, maintenance, outbox
from kit.jobs.message import Message
from kit.jobs.queues import sqs
from kit.testing import frozen_clock

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def leave(*bodies: str) -> None:
    """Rows that nobody has sent."""
    rows = [{"id": str(number), "body": body, "claimed_until": LONG_AGO} for number, body in enumerate(bodies)]
    with database.engine().begin() as connection:
        connection.execute(insert(tables.outbox), rows)


def left() -> list[str]:
    with database.engine().connect() as connection:
        return list(connection.scalars(select(tables.outbox.c.id).order_by(tables.outbox.c.id)))


def job(text: str, **others: Any) -> Message:
    return Message.new("sample_jobs.add", {"name": text}, **others)


def test_an_unreadable_row_is_dead_lettered_and_the_others_are_sent(queue: Any) -> None:
    queue()
    leave("[" * 100_000, job("one", id="1").to_json(), "", job("two", id="3").to_json())
    assert outbox.sweep(sqs.SqsQueues()) == 2
    assert (left(), sqs.SqsQueues().count()) == ([], {"default": 2})
    letters = {letter.reason: letter.body for letter in sqs.SqsQueues().dead_letters()}
    assert {reason.partition(":")[0] for reason in letters} == {"a row of the outbox is unreadable"}
    assert sorted(len(body) for body in letters.values()) == [1, 100_000]


def test_a_rejected_row_stays_and_the_others_are_sent(queue: Any) -> None:
    queue()
    gone = job("gone", id="0", queue="gone")
    large = "x" * 1_100_000
    leave(gone.to_json(), large, job("one", id="2").to_json())
    assert outbox.sweep(sqs.SqsQueues()) == 1
    assert (left(), sqs.SqsQueues().count()) == (["0", "1"], {"default": 1})


def test_keys_are_pruned_although_the_queue_cannot_be_reached(queue: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    queue()
    leave(job("one").to_json())
    with frozen_clock() as held:
        with idempotency.once("job", "k"):
            pass
        held.move(days=91)
        use(monkeypatch, JOBS_QUEUES="default=http://127.0.0.1:9/1/a", AWS_ENDPOINT_URL="http://127.0.0.1:9")
        monkeypatch.setattr(aws, "sleep", lambda _: None)
        with pytest.raises(OSError, match="refused"):
            maintenance.sweep()
    with database.engine().connect() as connection:
        assert connection.scalars(select(tables.idempotency_keys.c.digest)).all() == []
    assert left() == ["0"]


class SomeAccepted(sqs.SqsQueues):
    """A queue that accepts the messages whose text is even."""

    def send(self, messages: list[Message], delay: float = 0) -> None:
        raise sqs.SendError([one for one in messages if int(one.arguments["name"]) % 2], len(messages), "why")


def test_of_several_only_those_that_were_accepted_leave_the_outbox(queue: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    queue()
    monkeypatch.setattr(enqueue, "configured_queues", SomeAccepted)
    with database.session():
        ids = add.enqueue_many([(str(number),) for number in range(4)])
    assert left() == sorted([ids[1], ids[3]])


class Stopped(BaseException):
    """As a job's time limit is."""


def test_a_sweep_that_is_stopped_while_sending_loses_nothing(queue: Any) -> None:
    queue()
    leave(job("one", id="0").to_json())

    class Slow(sqs.SqsQueues):
        def send(self, *_: Any) -> None:
            raise Stopped

    with pytest.raises(Stopped):
        outbox.sweep(Slow())  # type: ignore[arg-type]
    assert left() == ["0"]


def test_a_rejected_message_does_not_stop_others_from_being_sent(queue: Any) -> None:
    queue()
    messages = [job(str(number)) for number in range(12)]
    messages[3] = messages[3]._replace(group="é")
    messages[5] = messages[5]._replace(queue="gone")
    with pytest.raises(sqs.SendError, match=r"did not accept 2 of 12 messages: .*MessageGroupId") as caught:
        sqs.SqsQueues().send(messages)
    assert caught.value.unsent == [messages[3], messages[5]]
    assert sqs.SqsQueues().count() == {"default": 10}


def test_a_job_that_is_rolled_back_is_not_counted_as_queued(
    queue: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, JOBS_METRICS="1")
    queue()
    with pytest.raises(RuntimeError), database.session():
        add.enqueue("never")
        raise RuntimeError
    assert capsys.readouterr().out == ""
    with database.session():
        add.enqueue("one")
        assert capsys.readouterr().out == ""
    assert '"Queued": 1' in capsys.readouterr().out
