"""Which responses a CDN may keep: never what is one client's, whatever the app says."""

import logging
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from examples import examples
from kit import web

PUBLIC = "public, max-age=0, s-maxage=1, stale-while-revalidate=5"


def client(app: ASGIApp) -> TestClient:
    return TestClient(web.wrap(app), raise_server_exceptions=False, follow_redirects=False)


def cache_control(app: ASGIApp, request: dict[str, str] | None = None) -> str:
    return str(client(app).get("/", headers=request).headers["cache-control"])


def page(cache_control: str | None, **headers: str) -> Response:
    own = {name.replace("_", "-"): value for name, value in headers.items()}
    return PlainTextResponse("page", headers=own | ({"cache-control": cache_control} if cache_control else {}))


# --- what the app says


@pytest.mark.parametrize(
    "said",
    [
        PUBLIC,
        "public, max-age=31536000, immutable",
        "no-cache",
        "max-age=60",
        "private",
        "private, max-age=60",
        "no-store",
        "Public, S-MaxAge=1",
    ],
)
def test_a_response_that_is_nobodys_has_what_the_app_says(said: str) -> None:
    assert cache_control(page(said)) == said


def test_a_response_of_which_the_app_says_nothing_is_private() -> None:
    assert cache_control(page(None)) == "private"


def redirect(request: Request) -> Response:
    return RedirectResponse("/elsewhere")


def refuse(request: Request) -> Response:
    raise HTTPException(404)


def fail(request: Request) -> Response:
    raise RuntimeError("the inside")


@pytest.mark.parametrize("endpoint", [redirect, refuse, fail])
def test_redirects_and_errors_are_private(endpoint: Callable[[Request], Response]) -> None:
    assert cache_control(Starlette(routes=[Route("/", endpoint)])) == "private"


# --- what is one client's


@pytest.mark.parametrize(
    ("request_headers", "response_headers"),
    [
        ({}, {"set_cookie": "theme=dark"}),
        ({"cookie": "session=abc"}, {}),
        ({"cookie": "__Host-session=abc"}, {}),
        ({"cookie": "a=1;session=abc;b=2"}, {}),
        ({"cookie": "a=1; session"}, {"vary": "cookie"}),
        ({"authorization": "Bearer abc"}, {}),
        ({"cookie": "sessionid=of Django"}, {"vary": "Cookie"}),
        ({}, {"vary": "Accept-Encoding, Accept"}),
        ({}, {"vary": "Origin"}),
        ({}, {"vary": "*"}),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("said", "left"),
    [
        (PUBLIC, "private, max-age=0"),
        ("public, max-age=31536000, immutable", "private, max-age=31536000, immutable"),
        ("no-cache", "private, no-cache"),
        ('private="x-name", s-maxage=9, must-revalidate', "private, must-revalidate"),
        ('no-cache="a, public", max-age=1', 'private, no-cache="a, public", max-age=1'),
    ],
)
def test_what_is_one_clients_is_private_whatever_the_app_says(
    request_headers: dict[str, str], response_headers: dict[str, str], said: str, left: str
) -> None:
    assert cache_control(page(said, **response_headers), request_headers) == left


@pytest.mark.parametrize(
    ("request_headers", "response_headers"),
    [
        ({"cookie": "_ga=GA1.1; my-session=1; sessions=2; x=session"}, {}),
        ({"cookie": "_ga=GA1.1"}, {"vary": "Accept-Encoding"}),
        ({}, {"vary": "Accept-Encoding, Cookie"}),
        ({"origin": "https://evil.example", "accept": "application/json"}, {}),
    ],
    ids=str,
)
def test_what_is_everybodys_stays_public(request_headers: dict[str, str], response_headers: dict[str, str]) -> None:
    assert cache_control(page(PUBLIC, **response_headers), request_headers) == PUBLIC


directives = st.sampled_from(
    [
        "public",
        "PUBLIC",
        "s-maxage=1",
        "S-MaxAge=9",
        "max-age=60",
        "no-cache",
        "immutable",
        "private",
        "no-store",
        "stale-while-revalidate=9",
        'private="a,b"',
        'no-cache="set-cookie"',
        "must-revalidate",
        "x=y",
        '"',
        "private=x",
    ]
)


@examples(300)
@given(st.lists(st.lists(directives, max_size=4).map(", ".join), max_size=3))
@example([])
@example(["private", "public, s-maxage=1"])
@example([", ,"])
def test_no_wording_makes_a_response_with_a_cookie_public(values: list[str]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"Cache-Control", value.strip().encode()) for value in values] + [(b"set-cookie", b"a=1")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body"})

    left = ", ".join(client(app).get("/").headers.get_list("cache-control")).lower()
    # As a cache reads it: without arguments in quotes.
    names = re.sub(r'"[^"]*"', "", left)
    assert re.search(r"(^|[\s,])(private|no-store)($|[\s,])", names), left


# --- nonces


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[str]]]:
    """What `kit.web` warns of; `web.wrap` has its own handler of all loggers."""
    logger = logging.getLogger("kit.web")
    logger.addHandler(caplog.handler)
    yield lambda: [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    logger.removeHandler(caplog.handler)


def with_nonce(request: Request) -> Response:
    return PlainTextResponse(f"<script nonce={request.state.csp_nonce}>", headers={"cache-control": PUBLIC})


def without_nonce(request: Request) -> Response:
    return PlainTextResponse("page", headers={"cache-control": PUBLIC})


def late_nonce(request: Request) -> Response:
    async def parts() -> Any:
        yield "first "
        yield request.state.csp_nonce

    return StreamingResponse(parts(), headers={"cache-control": PUBLIC})


def own_nonce(request: Request) -> Response:
    return page(PUBLIC, content_security_policy="script-src 'nonce-r4nd0m'")


def test_a_response_that_a_cdn_may_keep_has_no_nonce() -> None:
    response = client(Starlette(routes=[Route("/", without_nonce)])).get("/")
    assert response.headers["cache-control"] == PUBLIC
    assert "nonce" not in response.headers["content-security-policy"]
    assert "script-src ;" in response.headers["content-security-policy"], "no inline script is allowed"


def test_a_nonce_of_a_response_that_a_cdn_keeps_allows_nothing() -> None:
    response = client(Starlette(routes=[Route("/", late_nonce)])).get("/")
    assert response.headers["cache-control"] == PUBLIC
    assert response.text.partition(" ")[2] not in response.headers["content-security-policy"]


@pytest.mark.parametrize("endpoint", [with_nonce, own_nonce])
def test_a_public_page_with_a_nonce_is_made_private_and_works(
    endpoint: Callable[[Request], Response], warnings: Callable[[], list[str]]
) -> None:
    visitor = client(Starlette(routes=[Route("/", endpoint)]))
    for _ in range(2):
        response = visitor.get("/")
        assert response.headers["cache-control"] == "private, max-age=0"
        (nonce,) = set(re.findall(r"nonce[-=]([\w-]+)", response.headers["content-security-policy"] + response.text))
        assert len(nonce) > 5
    (warning,) = warnings()
    assert warning.startswith("GET / is public and has a nonce")


def test_a_page_that_asks_to_be_revalidated_may_have_a_nonce(warnings: Callable[[], list[str]]) -> None:
    def revalidated(request: Request) -> Response:
        return page("no-cache", x_nonce=request.state.csp_nonce)

    response = client(Starlette(routes=[Route("/", revalidated)])).get("/")
    assert response.headers["cache-control"] == "private, no-cache"
    assert f"'nonce-{response.headers['x-nonce']}'" in response.headers["content-security-policy"]
    assert warnings() == []


@pytest.mark.parametrize("read", [lambda state: state["csp_nonce"], lambda state: state.get("csp_nonce")])
def test_the_nonce_is_the_same_however_it_is_read(read: Callable[[Any], str]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert "nothing" not in scope["state"]
        assert scope["state"].get("nothing", "default") == "default"
        with pytest.raises(KeyError):
            scope["state"]["nothing"]
        nonce = read(scope["state"])
        assert nonce == Request(scope).state.csp_nonce
        await page("private", x_nonce=nonce)(scope, receive, send)

    response = client(app).get("/")
    assert f"'nonce-{response.headers['x-nonce']}'" in response.headers["content-security-policy"]


def test_a_request_has_the_state_of_the_lifespan() -> None:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, str]]:
        yield {"opened": "at the start"}

    def opened(request: Request) -> Response:
        return PlainTextResponse(request.state.opened)

    with client(Starlette(routes=[Route("/", opened)], lifespan=lifespan)) as visitor:
        assert visitor.get("/").text == "at the start"
