"""Messages are read as they were written, and what is none of ours is not read."""

import json
from typing import Any

import pytest

from kit.jobs.message import Message, Unreadable

READ = {"v": 1, "job": "app.add", "arguments": {"n": 1}, "id": "7", "enqueued": 1.5}


def test_what_is_written_is_read_again() -> None:
    told = Message.new(
        "app.add", {"n": 1}, idempotency_key="k", group="g", schedule="s", request_id="r", due=2.5, attempts_used=3
    )
    assert Message.from_json(told.to_json()) == told
    again = told.retry(attempts_used=0)
    assert Message.from_json(again.to_json()) == again == told._replace(attempts_used=0, due=again.due)


def test_each_new_message_has_an_id_of_its_own() -> None:
    assert len({Message.new("app.add", {}).id for _ in range(100)}) == 100


def test_a_message_that_others_sent_needs_neither_id_nor_time() -> None:
    read = Message.from_json('{"v":1,"job":"app.add","arguments":{"n":1}}')
    assert (read.job, read.arguments, read.queue) == ("app.add", {"n": 1}, "default")
    assert read.id
    assert read.enqueued > 1.7e9


@pytest.mark.parametrize(
    "wrong",
    [
        {"arguments": []},
        {"id": ""},
        {"id": 7},
        {"queue": 7},
        {"idempotency_key": 7},
        {"group": []},
        {"request_id": {}},
        {"enqueued": "now"},
        {"enqueued": True},
        {"due": "then"},
        {"attempts_used": -1},
        {"attempts_used": 1.5},
        {"attempts_used": True},
    ],
)
def test_a_field_of_the_wrong_type_is_rejected(wrong: dict[str, Any]) -> None:
    assert Message.from_json(json.dumps(READ)).id == "7"
    with pytest.raises(Unreadable, match=r"a field has the wrong type|its \w+ is not a string"):
        Message.from_json(json.dumps(READ | wrong))


def test_an_unknown_field_is_rejected_by_name() -> None:
    with pytest.raises(Unreadable, match="colour"):
        Message.from_json(json.dumps(READ | {"colour": "red"}))
