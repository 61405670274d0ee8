"""Sessions: signed, rotated, the same from uvicorn and on Lambda, and never too long for a browser."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

import events
import serving
from kit import generated_secrets, references, web
from kit.aws_lambda.apigateway import Gateway
from kit.web.sessions import Sessions

Keys = Callable[[], list[str]]


def count(request: Request) -> Response:
    request.session["visits"] = request.session.get("visits", 0) + 1
    return JSONResponse(request.session["visits"])


def show(request: Request) -> Response:
    return JSONResponse(dict(request.session))


def leave(request: Request) -> Response:
    request.session.clear()
    return Response()


def fill(request: Request) -> Response:
    request.session["text"] = "x" * int(request.query_params["size"])
    return Response()


def app(keys: Keys, **options: Any) -> Any:
    routes = [Route("/", count), Route("/show", show), Route("/leave", leave), Route("/fill", fill)]
    return web.wrap(Sessions(Starlette(routes=routes), keys, **options))


def client(keys: Keys, **options: Any) -> TestClient:
    return TestClient(app(keys, **options), raise_server_exceptions=False)


def test_a_session_lasts_from_request_to_request() -> None:
    browser = client(lambda: ["key"])
    assert [browser.get("/").json() for _ in range(3)] == [1, 2, 3]
    browser.get("/leave")
    assert browser.get("/show").json() == {}


def signed_by(*keys: str, **options: Any) -> str:
    """The cookie of a first visit."""
    return client(lambda: list(keys), **options).get("/").headers["set-cookie"].partition(";")[0]


def visits(cookie: str, *keys: str, **options: Any) -> int | None:
    """How many visits an app with these keys knows from the cookie."""
    response = client(lambda: list(keys), **options).get("/show", headers={"cookie": cookie})
    number: int | None = response.json().get("visits")
    return number


def test_a_changed_cookie_is_ignored() -> None:
    cookie = signed_by("key")
    assert visits(cookie, "key") == 1
    assert visits(cookie.replace("=", "=x", 1), "key") is None
    assert visits(cookie[:-2] + ("AA" if cookie[-2:] != "AA" else "BB"), "key") is None


def test_a_new_key_leaves_sessions_valid_until_the_old_one_is_removed() -> None:
    old, new = signed_by("old"), signed_by("new", "old")
    assert [visits(old, "new", "old"), visits(new, "new", "old")] == [1, 1]
    assert [visits(old, "new"), visits(new, "new")] == [None, 1]
    assert visits(new, "old") is None


def test_a_session_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    cookie, now = signed_by("key", max_age=60), time.time()
    monkeypatch.setattr(time, "time", lambda: now + 59)
    assert visits(cookie, "key", max_age=60) == 1
    monkeypatch.setattr(time, "time", lambda: now + 62)
    assert visits(cookie, "key", max_age=60) is None


def test_keys_are_read_with_the_first_request() -> None:
    def unavailable() -> list[str]:
        raise RuntimeError("no secret is known while the image is built")

    browser = client(unavailable)
    assert browser.get("/show").status_code == 500


@pytest.mark.parametrize("keys", [[], [""]])
def test_without_a_key_nothing_is_signed(keys: list[str]) -> None:
    assert client(lambda: keys).get("/").status_code == 500


def test_a_session_that_browsers_would_ignore_is_an_error() -> None:
    browser = client(lambda: ["key"])
    assert browser.get("/fill?size=2000").status_code == 200
    assert browser.get("/fill?size=4000").status_code == 500
    assert len(browser.get("/show").json()["text"]) == 2000


def test_the_cookie_is_only_for_this_site_and_not_for_scripts() -> None:
    cookie = client(lambda: ["key"]).get("/").headers["set-cookie"]
    assert {"httponly", "samesite=lax", "path=/"} <= set(cookie.lower().split("; "))
    secure = client(lambda: ["key"], secure=True).get("/").headers["set-cookie"]
    assert secure.startswith("__Host-session=")
    assert "secure" in secure.split("; ")


def test_lambda_sends_the_cookie_over_https_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "web")
    assert client(lambda: ["key"]).get("/").headers["set-cookie"].startswith("__Host-session=")


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    loop = asyncio.new_event_loop()
    yield Gateway(app(lambda: ["key"]), loop)
    loop.close()


def test_a_session_of_uvicorn_is_one_on_lambda(gateway: Gateway) -> None:
    with serving.uvicorn(app(lambda: ["key"])) as address:
        cookie = httpx.get(address).headers["set-cookie"].partition(";")[0]
        response = gateway(events.http(cookies=[cookie]), None)
        assert response["body"] == "2"
        (cookie,) = [each.partition(";")[0] for each in response["cookies"]]
        assert httpx.get(address, headers={"cookie": cookie}).json() == 3


def test_a_laptop_has_a_random_key_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "project", lambda: tmp_path)
    key = generated_secrets.of_laptop("SESSION_KEYS")
    assert len(key) >= 43
    assert generated_secrets.of_laptop("SESSION_KEYS") == key
    assert generated_secrets.of_laptop("OTHER_KEYS") != key
    assert (tmp_path / "data" / "generated.env").stat().st_mode & 0o077 == 0
