"""The wall: its pages and its limits."""

import pytest
from starlette.testclient import TestClient

from app import wall
from kit.testing import frozen_clock

GREETINGS = ["Hello", "こんにちは、世界", "👩🏽‍🚀🎉", "مرحبا بالعالم", "שלום <b>עולם</b>"]


def test_a_posted_message_is_on_the_wall(client: TestClient) -> None:
    response = client.post("/", data={"text": "Hello"})
    assert response.status_code == 303
    assert "Hello" in client.get("/").text


def test_the_author_is_sent_to_a_page_that_begins_with_the_message(client: TestClient) -> None:
    address = client.post("/", data={"text": "mine"}).headers["location"]
    for number in range(wall.PAGE):
        wall.post(f"of somebody else {number}")
    page = client.get(address).text
    assert page.partition("<article")[2].partition("</article>")[0].count("mine") == 1
    assert "of somebody else" not in page
    assert "data-live" in page
    assert "mine" not in client.get("/").text


@pytest.mark.parametrize("path", ["/", "/?before=9", "/?posted=9", "/messages"])
def test_a_page_of_the_wall_is_everybodys(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert "public, s-maxage=1," in response.headers["cache-control"]
    assert "nonce" not in response.headers["content-security-policy"] + response.text


@pytest.mark.parametrize("text", GREETINGS)
def test_text_is_saved_unchanged(text: str) -> None:
    wall.post(text)
    messages, _ = wall.page()
    assert messages[0].text == text


def test_a_message_has_the_time_of_the_kits_clock() -> None:
    with frozen_clock("2026-01-31T12:00:00Z") as clock:
        wall.post("Hello")
    assert wall.page()[0][0].posted_at == clock.now()


def test_html_is_escaped(client: TestClient) -> None:
    client.post("/", data={"text": "<script>alert(1)</script>"})
    page = client.get("/").text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_messages_are_paged_newest_first() -> None:
    for number in range(wall.PAGE + 5):
        wall.post(f"message {number}")
    first, older = wall.page()
    second, end = wall.page(older)
    assert [message.text for message in first] == [f"message {number}" for number in range(24, 4, -1)]
    assert [message.text for message in second] == [f"message {number}" for number in range(4, -1, -1)]
    assert end is None


def test_a_full_page_can_be_the_last() -> None:
    for number in range(wall.PAGE):
        wall.post(f"message {number}")
    assert wall.page()[1] is None


@pytest.mark.parametrize(
    ("text", "problem"), [("", "empty"), (" \r\n ", "empty"), ("x" * 281, "281 characters"), ("x" * 10_000, "10,000")]
)
def test_an_invalid_message_is_shown_again_with_the_reason(client: TestClient, text: str, problem: str) -> None:
    response = client.post("/", data={"text": text})
    assert response.status_code == 422
    assert problem in response.text
    assert text.strip() in response.text
    assert wall.page()[0] == []


def test_the_limit_counts_characters() -> None:
    wall.post("🎉" * 280)
    assert wall.page()[0][0].text == "🎉" * 280


def test_polling_returns_messages_only_after_a_change(client: TestClient) -> None:
    first = client.get("/messages")
    unchanged = client.get("/messages", headers={"if-none-match": first.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    wall.post("news")
    changed = client.get("/messages", headers={"if-none-match": first.headers["etag"]})
    assert changed.status_code == 200
    assert "news" in changed.text
