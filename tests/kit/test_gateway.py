"""What an ASGI app may do behind API Gateway besides what `tests/test_lambda.py` tries in the image."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

import events
from kit import gateway

Answer = dict[str, Any]


@pytest.fixture
def asked() -> Iterator[Callable[..., Answer]]:
    """Ask an app for something, as Lambda does."""
    loop = asyncio.new_event_loop()
    yield lambda app, event=None: gateway.Gateway(app, loop)(event or events.http(), None)
    loop.close()


def answering(answer: Callable[[Request], Response], **more: Any) -> ASGIApp:
    return Starlette(routes=[Route("/", answer)], **more)


async def parts() -> AsyncIterator[str]:
    for part in ("one ", "two ", "三"):
        await asyncio.sleep(0)
        yield part


def test_an_answer_in_parts_is_put_together(asked: Callable[..., Answer]) -> None:
    answer = asked(answering(lambda request: StreamingResponse(parts(), media_type="text/plain")))
    assert (answer["statusCode"], answer["body"], answer["isBase64Encoded"]) == (200, "one two 三", False)


def test_an_answer_that_breaks_off_becomes_a_500(asked: Callable[..., Answer]) -> None:
    async def breaks_off(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"set-cookie", b"half=1")]})
        await send({"type": "http.response.body", "body": b"half of", "more_body": True})

    answer = asked(breaks_off)
    assert (answer["statusCode"], answer["body"]) == (500, "Internal Server Error")
    assert "cookies" not in answer


def test_an_app_that_waits_for_its_visitor_to_leave_is_not_waited_for(asked: Callable[..., Answer]) -> None:
    async def pass_on(request: Request, following: RequestResponseEndpoint) -> Response:
        return await following(request)

    middleware = [Middleware(BaseHTTPMiddleware, dispatch=pass_on)]  # it listens for `http.disconnect` meanwhile
    app = answering(lambda request: StreamingResponse(parts()), middleware=middleware)
    assert asked(app)["body"] == "one two 三"


def test_what_is_to_follow_the_answer_is_done_before_lambda_has_it(asked: Callable[..., Answer]) -> None:
    done = []
    asked(answering(lambda request: PlainTextResponse("ok", background=BackgroundTask(done.append, True))))
    assert done == [True]


def test_a_header_that_is_sent_twice_is_one_with_both_values(asked: Callable[..., Answer]) -> None:
    def varies(request: Request) -> Response:
        answer = PlainTextResponse("ok")
        answer.raw_headers += [(b"Vary", b"accept"), (b"vary", b"cookie"), (b"x-name", "é".encode("latin-1"))]
        return answer

    headers = asked(answering(varies))["headers"]
    assert (headers["vary"], headers["x-name"]) == ("accept, cookie", "é")


def test_bytes_are_in_base64_and_text_is_not_whatever_the_answer_calls_itself(asked: Callable[..., Answer]) -> None:
    for content, kind, encoded in [(b"\xff", "text/plain", True), (b"{}", "application/octet-stream", False)]:
        answer = asked(answering(lambda request, c=content, k=kind: Response(c, media_type=k)))  # type: ignore[misc]
        assert (events.content(answer), answer["isBase64Encoded"]) == (content, encoded)


def test_the_app_may_look_at_lambdas_own_event_and_context() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend((scope["aws.event"], scope["aws.context"]))

    loop = asyncio.new_event_loop()
    gateway.Gateway(app, loop)(event := events.http(), context := object())
    loop.close()
    assert seen == [event, context]


def test_an_apps_error_is_lambdas(asked: Callable[..., Answer]) -> None:
    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        raise ConnectionError("the inside")

    with pytest.raises(ConnectionError):
        asked(fails)


@pytest.mark.parametrize("host", ["", "[::1]:8080", "wall.example:port", "wall.example:443"])
def test_a_host_may_be_called_what_it_likes(asked: Callable[..., Answer], host: str) -> None:
    app = answering(lambda request: PlainTextResponse(request.headers["host"]))
    assert asked(app, events.http(headers={"host": host}))["body"] == host


@pytest.mark.parametrize(
    "event", [{}, [], {"body": {"a": 1}}, "text", None, {"httpMethod": "GET", "path": "/", "requestContext": {}}]
)
def test_what_is_no_request_of_an_http_api_is_refused_in_a_sentence(event: Any) -> None:
    loop = asyncio.new_event_loop()
    with pytest.raises(gateway.UnknownEvent, match=r"payload format 2\.0"):
        gateway.Gateway(answering(lambda request: PlainTextResponse("ok")), loop)(event, None)
    loop.close()
