"""What `web.wrap` is told about an app that comes from elsewhere."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from kit import web


def nonce(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.state.csp_nonce)


APP = Starlette(routes=[Route("/", nonce, methods=["GET", "POST"])])


def test_a_policy_of_its_own_may_name_the_nonce() -> None:
    answer = TestClient(web.wrap(APP, policy="default-src 'self' 'nonce-{nonce}'")).get("/")
    assert answer.headers["content-security-policy"] == f"default-src 'self' 'nonce-{answer.text}'"


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://admin.example.com", 200),
        ("https://admin.example.com.evil.example", 403),
        ("http://admin.example.com", 403),
        ("https://example.com", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_only_the_sites_that_are_named_may_send_what_changes_something(origin: str, status: int) -> None:
    visitor = TestClient(web.wrap(APP, origins=["https://admin.example.com"]))
    headers = {"origin": origin, "sec-fetch-site": "cross-site"}
    assert visitor.post("/", headers=headers).status_code == status
    assert TestClient(web.wrap(APP)).post("/", headers=headers).status_code == 403
