"""What every answer keeps to, whichever page it is."""

import io
import json

import pytest
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from app import wall
from kit import logs

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("path", ["/", "/messages", "/health", "/nowhere"])
def test_every_answer_is_safe_and_can_be_found_in_the_logs(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert len(headers["x-request-id"]) == 16


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
def test_a_form_forged_on_another_site_is_refused(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.post("/", data={"text": "forged"}, headers=headers)
    assert answer.status_code == 403
    assert "another site" in answer.text
    assert wall.page()[0] == []


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "same-origin"}, {"origin": "http://testserver"}, {}])
def test_the_apps_own_form_is_accepted(client: TestClient, headers: dict[str, str]) -> None:
    assert client.post("/", data={"text": "mine"}, headers=headers).status_code == 303


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"text=%ff%fe", FORM, 400),
        (b"text=\xff\xfe", FORM, 400),
        (b"&".join([b"a=1"] * 200), FORM, 400),
        (b"text=" + b"x" * 70_000, FORM, 413),
        (b"{}", {"content-type": "application/json"}, 415),
    ],
)
def test_a_body_that_is_no_proper_form_is_refused(
    client: TestClient, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = client.post("/", content=body, headers=headers)
    assert answer.status_code == status
    assert 'role="alert"' in answer.text
    assert wall.page()[0] == []


@pytest.mark.parametrize("before", ["abc", "-1", "1.5", "9" * 30, "١"])
def test_a_wrong_address_gets_a_sentence(client: TestClient, before: str) -> None:
    answer = client.get("/", params={"before": before})
    assert answer.status_code == 400
    assert "must be a message" in answer.text


def test_an_unknown_address_is_not_found(client: TestClient) -> None:
    answer = client.get("/無い")
    assert answer.status_code == 404
    assert "Back to the wall" in answer.text


@pytest.mark.parametrize(
    ("failure", "status"),
    [(RuntimeError("the secret"), 500), (OperationalError("the secret", {}, Exception("the secret")), 503)],
)
def test_a_failure_tells_the_visitor_nothing_of_the_inside(
    client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
    status: int,
) -> None:
    def fail(before: int | None = None) -> None:
        raise failure

    monkeypatch.setattr(wall, "page", fail)
    answer = client.get("/")
    assert answer.status_code == status
    assert "the secret" not in answer.text
    assert "Traceback" not in answer.text


def test_a_message_is_not_lost_while_the_database_is_away(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(text: str) -> None:
        raise OperationalError("INSERT", {}, Exception("gone"))

    monkeypatch.setattr(wall, "post", fail)
    answer = client.post("/", data={"text": "long thought of"})
    assert answer.status_code == 503
    assert "long thought of" in answer.text


def test_a_request_is_one_line_of_json(client: TestClient) -> None:
    logs.configure(stream := io.StringIO())
    answer = client.get("/health?token=secret")
    line = json.loads(stream.getvalue().splitlines()[-1])
    assert (line["message"], line["status"]) == ("GET /health", 200)
    assert line["request_id"] == answer.headers["x-request-id"]
    assert "secret" not in str(line)
