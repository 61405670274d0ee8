"""The wall, as visitors meet it."""

import pytest
from starlette.testclient import TestClient

from app import wall

GREETINGS = ["Hello", "こんにちは、世界", "👩🏽‍🚀🎉", "مرحبا بالعالم", "שלום <b>עולם</b>"]


def test_a_posted_message_is_on_the_wall(client: TestClient) -> None:
    answer = client.post("/", data={"text": "Hello"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "Hello" in client.get("/").text


@pytest.mark.parametrize("text", GREETINGS)
def test_text_survives_as_it_was_written(text: str) -> None:
    wall.post(text)
    messages, _ = wall.page()
    assert messages[0].text == text


def test_html_is_shown_and_never_run(client: TestClient) -> None:
    client.post("/", data={"text": "<script>alert(1)</script>"})
    page = client.get("/").text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_newest_first_and_a_page_at_a_time() -> None:
    for number in range(wall.PAGE + 5):
        wall.post(f"message {number}")
    first, older = wall.page()
    second, end = wall.page(older)
    assert [message.text for message in first] == [f"message {number}" for number in range(24, 4, -1)]
    assert [message.text for message in second] == [f"message {number}" for number in range(4, -1, -1)]
    assert end is None


def test_a_page_that_is_just_full_is_the_last() -> None:
    for number in range(wall.PAGE):
        wall.post(f"message {number}")
    assert wall.page()[1] is None


@pytest.mark.parametrize(
    ("text", "problem"), [("", "empty"), (" \r\n ", "empty"), ("x" * 281, "281 characters"), ("x" * 10_000, "10,000")]
)
def test_what_the_wall_does_not_take_comes_back_to_its_writer(client: TestClient, text: str, problem: str) -> None:
    answer = client.post("/", data={"text": text})
    assert answer.status_code == 422
    assert problem in answer.text
    assert text.strip() in answer.text
    assert wall.page()[0] == []


def test_280_characters_are_taken_whatever_they_are() -> None:
    wall.post("🎉" * 280)
    assert wall.page()[0][0].text == "🎉" * 280


def test_who_looks_on_is_told_only_of_changes(client: TestClient) -> None:
    first = client.get("/messages")
    unchanged = client.get("/messages", headers={"if-none-match": first.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    wall.post("news")
    changed = client.get("/messages", headers={"if-none-match": first.headers["etag"]})
    assert changed.status_code == 200
    assert "news" in changed.text
