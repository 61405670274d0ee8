"""Errors for programs: who gets JSON, what it says, and which JSON bodies are accepted."""

import json

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from kit import web
from kit.web import problems

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "content_type", "expected"),
    [
        (BROWSER, "", False),
        ("application/json", "", True),
        ("application/problem+json", "", True),
        ("application/vnd.api+json", "", True),
        ("APPLICATION/JSON; q=0.5", "", True),
        ("text/html;q=0.9, application/json", "", True),
        ("text/html, application/json;q=0.9", "", False),
        ("text/html, application/json", "", False),
        ("application/json;q=0", "", False),
        ("application/json;q=x", "", False),
        ("*/*", "", False),
        ("", "", False),
        ("*/*", "application/json", True),
        ("", "application/json; charset=utf-8", True),
        ("", "application/x-www-form-urlencoded", False),
        (BROWSER, "application/json", False),
        ("image/json", "text/json", False),
    ],
)
def test_who_gets_json(accept: str, content_type: str, expected: bool) -> None:
    headers = {"accept": accept, "content-type": content_type}
    assert problems.wants_json(Headers({name: value for name, value in headers.items() if value})) is expected


async def echo(request: Request) -> Response:
    return JSONResponse(await problems.read_json(request))


async def crash(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("the secret")


def error(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    return problems.response(problem.status_code, problem.detail)


@pytest.fixture
def client() -> TestClient:
    routes = [Route("/echo", echo, methods=["POST"])]
    return TestClient(
        web.wrap(Starlette(routes=routes, exception_handlers={HTTPException: error})), raise_server_exceptions=False
    )


@pytest.mark.parametrize("text", ['{"a": [1, null, "é"]}', "0", '""', "[]"])
def test_a_json_body_is_read(client: TestClient, text: str) -> None:
    response = client.post("/echo", content=text.encode(), headers={"content-type": "application/json"})
    assert response.status_code == 200
    assert response.json() == json.loads(text)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"\xff\xfe\xfd", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"[]" + b" " * problems.MAX_BYTES, "application/json", 413),
        (b"{}", "text/plain", 415),
        (b"{}", "", 415),
    ],
)
def test_an_invalid_json_body_is_refused(client: TestClient, body: bytes, content_type: str, status: int) -> None:
    response = client.post("/echo", content=body, headers={"content-type": content_type})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == status
    assert response.json()["title"]


def test_a_crash_has_no_details() -> None:
    client = TestClient(web.wrap(crash), raise_server_exceptions=False)
    response = client.get("/", headers={"accept": "application/json"})
    assert (response.status_code, response.json()["title"]) == (500, "Internal Server Error")
    assert "the secret" not in response.text
    assert client.get("/", headers={"accept": BROWSER}).headers["content-type"].startswith("text/plain")


def test_a_refused_cross_site_request_is_json_too(client: TestClient) -> None:
    headers = {"content-type": "application/json", "origin": "https://evil.example"}
    response = client.post("/echo", content=b"{}", headers=headers)
    assert (response.status_code, response.json()["status"]) == (403, 403)


def test_a_status_without_a_name_has_a_title() -> None:
    assert b'"title":"Error"' in problems.response(499, "The client left.").body
