"""Behind a CDN: what reaches the app of an event, and what doesn't without the origin secret."""

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import events
from examples import examples
from kit import secrets, web
from kit.aws_lambda import apigateway, cdn

PARAMETER = "/my-app/prod/origin-secret"
SECRET = "V3ry-S3cret-0f-the-0rigin"
SITE = "wall.example.com"
VISITOR = {
    "x-forwarded-host": SITE,
    "cloudfront-viewer-address": "198.51.100.10:46532",
    "cloudfront-forwarded-proto": "http",
}


class Parameters:
    """The parameter as it is stored; `reads` counts how often it was read."""

    def __init__(self) -> None:
        self.value: str | None = SECRET
        self.reads = 0

    def read(self, name: str) -> str:
        assert name == PARAMETER
        self.reads += 1
        if self.value is None:
            raise secrets.SecretUnavailable(f"the secret {name} cannot be read: SSM does not answer")
        return self.value


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> Parameters:
    parameters = Parameters()
    monkeypatch.setattr(secrets, "read", parameters.read)
    monkeypatch.setattr(secrets, "read_again", parameters.read)
    monkeypatch.setenv(cdn.VARIABLE, PARAMETER)
    return parameters


class App:
    """Answers with what it knows of the visitor, and keeps the scopes."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []
        self.app = web.wrap(self.answer)

    async def answer(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        request = Request(scope)
        response: Response = JSONResponse({"url": str(request.url), "ip": request.client and request.client.host})
        await response(scope, receive, send)


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def handler(app: App, stored: Parameters) -> Iterator[cdn.Handler]:
    loop = asyncio.new_event_loop()
    yield cdn.behind(apigateway.Gateway(app.app, loop))
    loop.close()


def visit(handler: cdn.Handler, secret: str | None = SECRET, **headers: str) -> Any:
    sent = VISITOR | {name.replace("_", "-"): value for name, value in headers.items()}
    return handler(events.http(headers=sent | ({cdn.SECRET_HEADER: secret} if secret is not None else {})), None)


def seen(handler: cdn.Handler, **headers: str) -> dict[str, str]:
    response = visit(handler, **headers)
    assert response["statusCode"] == 200
    content: dict[str, str] = json.loads(response["body"])
    return content


def test_the_app_sees_the_visitors_address_host_and_scheme(handler: cdn.Handler) -> None:
    assert seen(handler) == {"url": f"http://{SITE}/", "ip": "198.51.100.10"}
    assert seen(handler, cloudfront_forwarded_proto="https")["url"] == f"https://{SITE}/"


@pytest.mark.parametrize(
    ("address", "ip"),
    [
        ("198.51.100.10:46532", "198.51.100.10"),
        ("2001:db8:0:0:0:8a2e:370:7334:46532", "2001:db8:0:0:0:8a2e:370:7334"),
        ("2001:db8::1:46532", "2001:db8::1"),
        ("[2001:db8::1]:46532", "2001:db8::1"),
        ("198.51.100.10", None),
        ("2001:db8::1", None),
        ("198.51.100.10:46532, 203.0.113.1:1", None),
        ("198.51.100.300:46532", None),
        ("attacker\n:1", None),
        ("１９８.51.100.10:1", None),
        ("\0:1", None),
        ("", None),
    ],
)
def test_an_address_that_is_none_leaves_the_gateways(handler: cdn.Handler, address: str, ip: str | None) -> None:
    assert seen(handler, cloudfront_viewer_address=address)["ip"] == (ip or "192.0.2.1")


def test_a_scheme_that_is_none_is_https(handler: cdn.Handler) -> None:
    assert seen(handler, cloudfront_forwarded_proto="gopher")["url"] == f"https://{SITE}/"


def test_the_probe_of_a_deployment_comes_without_a_visitor(handler: cdn.Handler) -> None:
    response = handler(events.http(headers={cdn.SECRET_HEADER.title(): SECRET}), None)
    assert json.loads(response["body"]) == {"url": f"https://{events.HOST}/", "ip": "192.0.2.1"}


@pytest.mark.parametrize(
    "secret", [None, "", SECRET[:-1], SECRET + "x", SECRET.lower(), f"{SECRET},{SECRET}", "é", "\ud800"]
)
def test_without_the_secret_no_code_of_the_app_runs(
    handler: cdn.Handler, app: App, secret: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for _ in range(2):
        response = visit(handler, secret)
        assert (response["statusCode"], response["headers"]["content-type"][:10]) == (403, "text/plain")
    assert app.scopes == []
    assert len(caplog.records) == 0, "a stranger decides nothing of what is logged"


def test_the_visitors_headers_are_not_believed_without_a_cdn(
    app: App, stored: Parameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(cdn.VARIABLE)
    loop = asyncio.new_event_loop()
    gateway = apigateway.Gateway(app.app, loop)
    assert cdn.behind(gateway) is gateway
    assert seen(gateway) == {"url": f"https://{events.HOST}/", "ip": "192.0.2.1"}
    loop.close()
    assert stored.reads == 0


def test_the_app_never_has_the_secret(handler: cdn.Handler, app: App, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    response = visit(handler)
    assert app.scopes[0]["aws.event"]["headers"]["host"] == SITE
    assert SECRET not in repr(app.scopes) + repr(response) + caplog.text
    assert cdn.SECRET_HEADER not in repr(app.scopes)


def test_a_form_of_the_sites_own_page_is_accepted_and_of_another_refused(handler: cdn.Handler) -> None:
    for origin, status in [(f"https://{SITE}", 200), (f"https://{events.HOST}", 403), ("https://evil.example", 403)]:
        headers = VISITOR | {cdn.SECRET_HEADER: SECRET, "origin": origin}
        assert handler(events.form({"text": "Hello"}, headers=headers), None)["statusCode"] == status


def test_what_is_no_request_is_an_error_as_without_a_cdn(handler: cdn.Handler, app: App) -> None:
    for event in ({}, None, events.queue(), {"headers": {}, "rawPath": "/"}, {"headers": None}):
        with pytest.raises(apigateway.UnknownEvent):
            handler(event, None)
    assert app.scopes == []


def test_a_start_fails_where_the_secret_cannot_be_read(app: App, stored: Parameters) -> None:
    stored.value = None
    with pytest.raises(secrets.SecretUnavailable, match=PARAMETER):
        cdn.behind(lambda event, context: {})


# --- rotation

NEW = "an0ther-S3cret"


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def secret(stored: Parameters, clock: Clock) -> cdn.OriginSecret:
    """The secret of an environment that started an hour ago."""
    known = cdn.OriginSecret(PARAMETER, clock)
    clock.seconds += 3600
    stored.reads = 0
    return known


def test_neither_the_secret_nor_none_reads_it_again(secret: cdn.OriginSecret, stored: Parameters) -> None:
    assert secret.matches(SECRET)
    assert not secret.matches("")
    assert stored.reads == 0


def test_a_rotated_secret_is_accepted_and_so_is_the_one_before_for_a_while(
    secret: cdn.OriginSecret, stored: Parameters, clock: Clock
) -> None:
    stored.value = NEW
    assert secret.matches(NEW)
    assert secret.matches(NEW)
    assert stored.reads == 1
    clock.seconds += cdn.ROTATION_SECONDS - 1
    assert secret.matches(SECRET)
    clock.seconds += 1
    assert not secret.matches(SECRET)
    assert secret.matches(NEW)


def test_wrong_secrets_read_it_once_a_minute(
    secret: cdn.OriginSecret, stored: Parameters, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3 * cdn.PAUSE_SECONDS):
        assert not secret.matches("wrong")
        assert not secret.matches("")
        clock.seconds += 1
    assert stored.reads == 3
    assert len(caplog.records) == 3
    assert PARAMETER in caplog.text
    assert "wrong" not in caplog.text


def test_while_it_cannot_be_read_the_known_one_stays(
    secret: cdn.OriginSecret, stored: Parameters, caplog: pytest.LogCaptureFixture
) -> None:
    stored.value = None
    assert not secret.matches(NEW)
    assert secret.matches(SECRET)
    assert "SSM does not answer" in caplog.text


def test_an_environment_that_just_started_has_the_newest(stored: Parameters, clock: Clock) -> None:
    secret = cdn.OriginSecret(PARAMETER, clock)
    assert not secret.matches("wrong")
    assert stored.reads == 1


@examples(200)
@given(st.text())
def test_no_other_text_matches(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "read", lambda name: SECRET)
        patch.setattr(secrets, "read_again", lambda name: SECRET)
        assert cdn.OriginSecret(PARAMETER).matches(text) == (text == SECRET)
