"""What the wall does behind the scenes."""

import json

import pytest
from starlette.testclient import TestClient

from app import jobs, picture, wall
from kit.db import database
from kit.jobs import manifest
from kit.testing import assert_enqueued, enqueued, frozen_clock, run_jobs


def test_a_posted_message_gets_its_picture(client: TestClient) -> None:
    client.post("/", data={"text": "Hello"})
    assert "<figure>" not in client.get("/messages").text
    assert_enqueued(jobs.draw, message_id=wall.page()[0][0].id)
    assert run_jobs() == 1
    assert picture.draw("Hello") in client.get("/messages").text


def test_a_message_that_is_refused_enqueues_nothing(client: TestClient) -> None:
    client.post("/", data={"text": ""})
    assert enqueued() == []


def test_a_message_that_is_rolled_back_enqueues_nothing() -> None:
    with pytest.raises(RuntimeError, match="changed my mind"), database.session():
        jobs.draw.enqueue(1)
        raise RuntimeError("changed my mind")
    assert enqueued() == []


def test_drawing_a_message_that_is_gone_does_nothing() -> None:
    jobs.draw.enqueue(12345)
    assert run_jobs() == 1


@pytest.mark.parametrize("text", ["", "Hello", "<script>alert(1)</script>", "🎉"])
def test_a_picture_has_nothing_of_the_text_in_it(text: str) -> None:
    drawn = picture.draw(text)
    assert drawn.startswith("<svg ")
    assert "script" not in drawn
    assert drawn == picture.draw(text)


def test_old_messages_leave_the_wall() -> None:
    wall.post("of today")
    with frozen_clock() as clock:
        clock.move(days=89)
        jobs.prune()
        assert len(wall.page()[0]) == 1
        clock.move(days=2)
        jobs.prune()
        assert wall.page()[0] == []


def test_the_export_has_every_message(capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("one", "zwei", "三"):
        wall.post(text)
    jobs.export()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["text"] for line in lines] == ["one", "zwei", "三"]


def test_the_manifest_matches_the_code() -> None:
    assert manifest.is_current(), "jobs.json does not match the code. Update it: make manifest"
