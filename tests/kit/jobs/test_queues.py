"""One suite for the queue of a laptop and for SQS: what holds on one holds on the other."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aws_emulator import Emulator
from both_queues import Aws, Local, Side, letters, seen
from stage import WIRED, use

from kit.errors import UsageError
from kit.jobs.message import Message
from kit.jobs.queues import sqs
from kit.testing import FrozenClock, frozen_clock


@pytest.fixture
def held() -> Iterator[FrozenClock]:
    with frozen_clock("2026-01-01T00:00:00Z") as frozen:
        yield frozen


@pytest.fixture(params=["default", "orders.fifo"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["local", "sqs"])
def side(
    request: pytest.FixtureRequest,
    name: str,
    db: None,
    held: FrozenClock,
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
) -> Side:
    """One of the queues, empty."""
    return Local(name) if request.param == "local" else aws(emulator, name, monkeypatch)


def aws(emulator: Emulator, name: str, monkeypatch: pytest.MonkeyPatch) -> Aws:
    made = Aws(emulator, name)
    places = {"JOBS_QUEUES": f"{name}={made.url}", "JOBS_DEAD_LETTER_QUEUES": f"{name}={made.dead_url}"}
    use(monkeypatch, **WIRED, **places, AWS_ENDPOINT_URL=emulator.sqs.address, JOBS="sqs")
    sqs._max_receive_count.cache_clear()
    return made


@pytest.fixture
def send(side: Side, name: str) -> Callable[..., Message]:
    def make(text: str, delay: float = 0, group: str = "g") -> Message:
        message = Message.new("sample_jobs.add", {"name": text}, queue=name, group=group)
        side.queues.send([message], delay)
        return message

    return make


def names(side: Side, **options: int) -> list[str]:
    """Receive and delete all there is."""
    found = []
    while delivery := side.receive(**options):
        found.append(Message.from_json(delivery.body).arguments["name"])
        side.queues.delete(delivery)
    return found


def dead_letter(side: Side, reason: str = "why") -> None:
    delivery = side.receive()
    assert delivery
    side.queues.dead_letter(delivery, reason, Message.from_json(delivery.body))
    side.queues.delete(delivery)


def test_what_is_sent_is_received_once_and_deleted(side: Side, send: Any) -> None:
    message = send("one")
    delivery = side.receive()
    assert seen(delivery) == (message.id, {"name": "one"}, 0, 1, message.queue)
    assert (side.receive(), side.count()) == (None, 1)
    side.queues.delete(delivery)
    assert side.count() == 0


def test_many_are_received_in_the_order_in_which_they_were_sent(side: Side, name: str) -> None:
    sent = [Message.new("sample_jobs.add", {"name": str(one)}, queue=name, group="g") for one in range(25)]
    side.queues.send(sent)
    assert names(side) == [str(one) for one in range(25)]


def test_a_message_that_is_not_deleted_comes_back_and_counts_its_deliveries(
    side: Side, send: Any, held: FrozenClock
) -> None:
    message = send("one")
    for count in (1, 2, 3):
        assert seen(side.receive()) == (message.id, {"name": "one"}, 0, count, message.queue)
        held.move(seconds=29)
        assert side.receive() is None
        held.move(seconds=1)


def test_a_delivery_is_hidden_for_the_requested_time(side: Side, send: Any, held: FrozenClock) -> None:
    send("one")
    delivery = side.receive()
    held.move(seconds=20)
    side.queues.change_visibility(delivery, 3600)
    held.move(seconds=3599)
    assert side.receive() is None
    held.move(seconds=1)
    again = side.receive()
    assert again
    side.queues.change_visibility(again, 0)
    third = side.receive()
    assert third
    assert third.receive_count == 3


def test_a_receipt_that_is_out_of_date_changes_nothing(side: Side, send: Any, held: FrozenClock) -> None:
    send("one")
    older = side.receive()
    held.move(seconds=30)
    newer = side.receive()
    side.queues.delete(older)
    side.queues.change_visibility(older, 0)
    assert (side.receive(), side.count()) == (None, 1)
    side.queues.delete(newer)
    side.queues.delete(newer)
    side.queues.change_visibility(newer, 0)
    assert side.count() == 0


@pytest.mark.parametrize("delay", [30, 900, 901, 86_400 * 30])
def test_a_delayed_message_comes_when_it_is_due(side: Side, send: Any, held: FrozenClock, delay: int) -> None:
    send("later", delay=delay)
    assert side.count() == 1
    held.move(seconds=delay - 1)
    assert side.receive() is None
    held.move(seconds=1)
    assert names(side) == ["later"]


@pytest.mark.parametrize("name", ["orders.fifo"])
def test_a_group_waits_for_the_message_before_and_other_groups_do_not(side: Side, send: Any, held: FrozenClock) -> None:
    for text, group in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        send(text, group=group)
    delivery = side.receive()
    assert names(side) == ["b1"]
    side.queues.change_visibility(delivery, 600)
    held.move(seconds=599)
    assert side.receive() is None
    held.move(seconds=1)
    assert names(side) == ["a1", "a2"]


@pytest.mark.parametrize("name", ["orders.fifo"])
def test_a_dead_letter_lets_its_group_go_on(side: Side, send: Any) -> None:
    send("a1")
    send("a2")
    dead_letter(side)
    assert names(side) == ["a2"]


def test_a_dead_letter_has_its_reason_and_is_listed_again_and_again(side: Side, send: Any) -> None:
    message = send("one")
    dead_letter(side, "ValueError: \x00 \ud800 \ufffe é 🎉")
    expected = [(message.id, "sample_jobs.add", "ValueError: \ufffd \\ud800 \ufffd é 🎉", message.queue)]
    assert letters(side.queues.dead_letters()) == letters(side.queues.dead_letters()) == expected
    assert (side.count(), side.queues.count_dead_letters()) == (0, 1)


def test_a_redriven_job_is_delivered_immediately_every_time(side: Side, send: Any, held: FrozenClock) -> None:
    """Within the five minutes for which SQS remembers deduplication ids."""
    message = send("one")
    for _ in range(3):
        dead_letter(side)
        with side.queues.receive_dead_letters() as [letter]:
            side.queues.redrive(letter)
        assert (side.count(), side.queues.count_dead_letters()) == (1, 0)
        held.move(seconds=1)
    assert seen(side.receive()) == (message.id, {"name": "one"}, 0, 1, message.queue)


def test_the_copies_of_one_job_that_are_sent_one_after_another_all_arrive(
    side: Side, send: Any, held: FrozenClock
) -> None:
    """A job that waits for another is sent again and again, with no attempt counted."""
    send("one")
    for wait in (0, 30, 30, 0):
        delivery = side.receive()
        assert delivery, "the copy was dropped"
        side.queues.send([Message.from_json(delivery.body).retry(attempts_used=0)], wait)
        side.queues.delete(delivery)
        held.move(seconds=31)
    assert names(side) == ["one"]


def test_a_letter_that_is_deleted_is_gone(side: Side, send: Any) -> None:
    send("one")
    dead_letter(side)
    with side.queues.receive_dead_letters() as [letter]:
        side.queues.delete_dead_letter(letter)
    assert (side.count(), side.queues.count_dead_letters(), side.queues.dead_letters()) == (0, 0, [])


@pytest.mark.parametrize("body", ["no json", "[1]", "[" * 100_000, '{"v":1,"job":"a","arguments":{"a":NaN}}'])
def test_an_unreadable_message_is_dead_lettered_listed_and_not_redriven(side: Side, body: str) -> None:
    side.put(body)
    delivery = side.receive()
    assert delivery
    side.queues.dead_letter(delivery, "the message is unreadable", None)
    side.queues.delete(delivery)
    with side.queues.receive_dead_letters() as [letter]:
        assert (letter.reason, letter.body) == ("the message is unreadable", body)
        with pytest.raises(UsageError, match="can't be retried"):
            side.queues.redrive(letter)
    assert (side.count(), side.queues.count_dead_letters()) == (0, 1)


def test_a_letter_goes_back_to_the_queue_that_it_died_in(side: Side, name: str) -> None:
    side.put('{"v":1,"job":"sample_jobs.add","arguments":{"name":"one"}}')  # it names neither a queue nor a group
    dead_letter(side)
    with side.queues.receive_dead_letters() as [letter]:
        side.queues.redrive(letter)
    delivery = side.receive()
    assert delivery
    assert (delivery.queue, delivery.group) == (name, "g" if name.endswith(".fifo") else None)


@pytest.mark.parametrize("group", ["g", "h"])
def test_a_message_of_any_group_and_job_name_is_accepted(side: Side, name: str, group: str) -> None:
    long = Message.new("app.jobs." + "ü" * 200, {"name": "one"}, queue=name)
    side.queues.send([long, long._replace(id="2", group=group)])
    assert len(names(side)) == 2
