"""What an ASGI app may do behind API Gateway, besides what `tests/test_lambda.py` tries in the image."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from urllib.parse import unquote

import httpx2 as httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

import events
import serving
from examples import examples
from kit import web
from kit.aws_lambda import apigateway
from kit.web.asgi import RESTART

LambdaResponse = dict[str, Any]


@pytest.fixture
def invoke() -> Iterator[Callable[..., LambdaResponse]]:
    """Send an event to an app, as Lambda does, and return the response."""
    loop = asyncio.new_event_loop()
    yield lambda app, event=None: apigateway.Gateway(app, loop)(event or events.http(), None)
    loop.close()


def app_with(endpoint: Callable[[Request], Response], name: str | None = None, **more: Any) -> ASGIApp:
    return Starlette(routes=[Route("/", endpoint, name=name)], **more)


async def parts() -> AsyncIterator[str]:
    for part in ("one ", "two ", "三"):
        await asyncio.sleep(0)
        yield part


def test_a_streamed_response_is_joined(invoke: Callable[..., LambdaResponse]) -> None:
    response = invoke(app_with(lambda request: StreamingResponse(parts(), media_type="text/plain")))
    assert (response["statusCode"], response["body"], response["isBase64Encoded"]) == (200, "one two 三", False)


def test_an_incomplete_response_becomes_a_500(invoke: Callable[..., LambdaResponse]) -> None:
    async def breaks_off(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"set-cookie", b"half=1")]})
        await send({"type": "http.response.body", "body": b"half of", "more_body": True})

    response = invoke(breaks_off)
    assert (response["statusCode"], response["body"]) == (500, "Internal Server Error")
    assert "cookies" not in response


def test_an_app_that_waits_for_a_disconnect_is_not_waited_for(invoke: Callable[..., LambdaResponse]) -> None:
    async def pass_on(request: Request, following: RequestResponseEndpoint) -> Response:
        return await following(request)

    middleware = [Middleware(BaseHTTPMiddleware, dispatch=pass_on)]  # it listens for `http.disconnect` meanwhile
    app = app_with(lambda request: StreamingResponse(parts()), middleware=middleware)
    assert invoke(app)["body"] == "one two 三"


def test_background_tasks_run_before_lambda_gets_the_response(invoke: Callable[..., LambdaResponse]) -> None:
    done = []
    invoke(app_with(lambda request: PlainTextResponse("ok", background=BackgroundTask(done.append, True))))
    assert done == [True]


def test_a_repeated_header_is_joined(invoke: Callable[..., LambdaResponse]) -> None:
    def varies(request: Request) -> Response:
        response = PlainTextResponse("ok")
        response.raw_headers += [(b"Vary", b"accept"), (b"vary", b"cookie"), (b"x-name", "é".encode("latin-1"))]
        return response

    headers = invoke(app_with(varies))["headers"]
    assert (headers["vary"], headers["x-name"]) == ("accept, cookie", "é")


def test_base64_depends_on_the_bytes_and_not_on_the_content_type(invoke: Callable[..., LambdaResponse]) -> None:
    for content, kind, encoded in [(b"\xff", "text/plain", True), (b"{}", "application/octet-stream", False)]:
        response = invoke(app_with(lambda request, c=content, k=kind: Response(c, media_type=k)))  # type: ignore[misc]
        assert (events.content(response), response["isBase64Encoded"]) == (content, encoded)


def test_the_scope_has_lambdas_event_and_context() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend((scope["aws.event"], scope["aws.context"]))

    loop = asyncio.new_event_loop()
    apigateway.Gateway(app, loop)(event := events.http(), context := object())
    loop.close()
    assert seen == [event, context]


async def raises(scope: Scope, receive: Receive, send: Send) -> None:
    raise ConnectionError("the inside")


async def exits(scope: Scope, receive: Receive, send: Send) -> None:
    sys.exit(3)


async def is_cancelled(scope: Scope, receive: Receive, send: Send) -> None:
    raise asyncio.CancelledError


async def cancels_itself(scope: Scope, receive: Receive, send: Send) -> None:
    asyncio.current_task().cancel()  # type: ignore[union-attr]
    await asyncio.sleep(0)


async def answers_nothing(scope: Scope, receive: Receive, send: Send) -> None:
    return


async def breaks_a_header(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"location", b"/\r\nset-cookie: forged=1")]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body"})


FAILING = [raises, exits, is_cancelled, cancels_itself, answers_nothing, breaks_a_header]


@pytest.mark.parametrize("app", FAILING)
@pytest.mark.parametrize("wrapped", [False, True], ids=["alone", "wrapped"])
def test_an_app_that_fails_is_a_500_and_the_next_request_is_answered(
    invoke: Callable[..., LambdaResponse], app: ASGIApp, wrapped: bool
) -> None:
    response = invoke(web.wrap(app) if wrapped else app)
    assert response["statusCode"] == 500
    assert response["headers"]["content-type"] == "text/plain; charset=utf-8"
    assert response["body"] in {"Internal Server Error", "Something went wrong on our side."}
    assert "the inside" not in str(response) and "forged" not in str(response)
    assert invoke(app_with(lambda request: PlainTextResponse("ok")))["body"] == "ok"


@pytest.mark.parametrize("app", FAILING)
def test_uvicorn_answers_the_same(invoke: Callable[..., LambdaResponse], app: ASGIApp) -> None:
    """But a header that h11 refuses: uvicorn has no response left to send then, and closes the connection."""
    with serving.uvicorn(app) as address:
        if app is breaks_a_header:
            with pytest.raises(httpx.RemoteProtocolError):
                httpx.get(address)
            return
        response = httpx.get(address)
    here = invoke(app)
    assert (response.status_code, response.text) == (here["statusCode"], here["body"])
    assert response.headers["content-type"] == here["headers"]["content-type"]


def test_a_failure_is_logged_with_its_traceback(
    invoke: Callable[..., LambdaResponse], caplog: pytest.LogCaptureFixture
) -> None:
    invoke(raises)
    assert "the app failed" in caplog.text
    assert "ConnectionError: the inside" in caplog.text


async def fails_halfway(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"set-cookie", b"half=1"), (b"content-type", b"text/csv")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"half of", "more_body": True})
    raise ConnectionError("the inside")


def test_a_stream_that_fails_halfway_is_a_500_with_an_id_and_security_headers(
    invoke: Callable[..., LambdaResponse],
) -> None:
    response = invoke(web.wrap(fails_halfway))
    assert (response["statusCode"], response["body"]) == (500, "Something went wrong on our side.")
    assert response["headers"]["x-request-id"] == events.REQUEST_ID
    assert "default-src 'none'" in response["headers"]["content-security-policy"]
    assert response["headers"]["strict-transport-security"]
    assert response["headers"]["content-type"] == "text/plain; charset=utf-8"
    assert response["cookies"] == []


async def fails_afterwards(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("done")(scope, receive, send)
    raise ConnectionError("the inside")


def test_a_failure_after_the_response_does_not_change_it(invoke: Callable[..., LambdaResponse]) -> None:
    for app in (fails_afterwards, web.wrap(fails_afterwards)):
        assert (invoke(app)["statusCode"], invoke(app)["body"]) == (200, "done")


@examples(100)
@given(
    method=st.sampled_from(["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]),
    status=st.integers(200, 599) | st.sampled_from([204, 304]),
    parts=st.lists(st.binary(max_size=9) | st.text(max_size=9).map(str.encode), min_size=1, max_size=3),
    headers=st.dictionaries(st.sampled_from(["etag", "content-encoding", "content-length"]), st.just("1")),
)
@example(method="HEAD", status=200, parts=[b"text"], headers={"content-length": "4"})
@example(method="GET", status=204, parts=[b"\xff"], headers={})
@example(method="GET", status=304, parts=[b"a", b"b"], headers={"content-encoding": "gzip"})
def test_a_response_has_its_body_except_to_head_and_with_204_and_304(
    method: str, status: int, parts: list[bytes], headers: dict[str, str]
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        for number, part in enumerate(parts, 1):
            await send({"type": "http.response.body", "body": part, "more_body": number < len(parts)})

    loop = asyncio.new_event_loop()
    response = apigateway.Gateway(app, loop)(events.http(method), None)
    loop.close()
    assert (response["statusCode"], response["headers"]) == (status, headers)
    if method == "HEAD" or status in {204, 304}:
        assert response["body"] == ""
    else:
        assert events.content(response) == b"".join(parts)


def test_an_encoded_body_is_always_in_base64(invoke: Callable[..., LambdaResponse]) -> None:
    response = invoke(app_with(lambda request: Response(b"text", headers={"content-encoding": "br"})))
    assert (response["isBase64Encoded"], events.content(response)) == (True, b"text")


async def sends_in_disorder(scope: Scope, receive: Receive, send: Send) -> None:
    wrong = {"body": b"too early"} if scope["path"] == "/body" else {"status": 200, "headers": []}
    kinds = {
        "/body": ["http.response.body"],
        "/start": ["http.response.start", "http.response.start"],
        "/more": ["http.response.start", "http.response.body", "http.response.body"],
        "/again": ["http.response.start", "http.response.body", "http.response.start"],
        "/restart": ["http.response.start", "http.response.body", RESTART],
        "/unknown": ["http.response.start", "http.response.push"],
    }
    for kind in kinds[scope["path"]]:
        await send({"type": kind, **wrong})


@pytest.mark.parametrize(
    ("path", "status"),
    [("/body", 500), ("/start", 500), ("/more", 200), ("/again", 200), ("/restart", 200), ("/unknown", 500)],
)
def test_messages_out_of_order_are_an_error(
    invoke: Callable[..., LambdaResponse], caplog: pytest.LogCaptureFixture, path: str, status: int
) -> None:
    response = invoke(sends_in_disorder, events.http(path=path))
    assert (response["statusCode"], "RuntimeError: Unexpected ASGI message" in caplog.text) == (status, True)
    assert response["body"] != "too early"


def test_after_the_response_an_app_receives_a_disconnect(invoke: Callable[..., LambdaResponse]) -> None:
    heard: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        heard.append(await receive())
        listening = asyncio.create_task(receive())  # type: ignore[arg-type]
        await asyncio.sleep(0)
        assert not listening.done()
        await PlainTextResponse("ok")(scope, receive, send)
        heard.append(await listening)

    assert invoke(app, events.http("POST", body="text"))["body"] == "ok"
    assert heard == [{"type": "http.request", "body": b"text", "more_body": False}, {"type": "http.disconnect"}]


def scope_of(event: dict[str, Any]) -> Scope:
    """Return the scope that an app gets for the event."""
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    loop = asyncio.new_event_loop()
    apigateway.Gateway(app, loop)(event, None)
    loop.close()
    return seen[0]


def test_an_event_becomes_a_scope() -> None:
    event = events.http("PUT", "/a%2Fb", query="q=1&q=%41", headers={"Accept": "*/*"}, cookies=["a=1", "b=2"])
    scope = scope_of(event)
    headers = dict(scope.pop("headers"))
    assert {name: headers[name] for name in (b"host", b"accept", b"cookie")} == {
        b"host": events.HOST.encode(),
        b"accept": b"*/*",
        b"cookie": b"a=1; b=2",
    }
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "PUT",
        "scheme": "https",
        "path": "/a/b",
        "raw_path": b"/a/b",
        "query_string": b"q=1&q=%41",
        "root_path": "",
        "client": ("192.0.2.1", 0),
        "server": (events.HOST, 443),
        "extensions": {RESTART: {}},
        "aws.event": event,
        "aws.context": None,
    }


@pytest.mark.parametrize("raw_path", ["/", "/a%20b", "/a%2Fb", "/100%2525.txt", "/%E6%9D%B1"])
def test_a_function_urls_path_is_decoded_once_and_kept_as_it_was_sent(raw_path: str) -> None:
    scope = scope_of(events.function_url(path=raw_path))
    assert (scope["path"], scope["raw_path"]) == (unquote(raw_path), raw_path.encode())


@pytest.mark.parametrize(
    ("path", "raw_path"),
    [
        ("", b"/"),
        ("/a b", b"/a%20b"),
        ("/100%", b"/100%25"),
        ("/-._~!$&'()*+,;=:@", b"/-._~!$&'()*+,;=:@"),
        ("/a?b#c", b"/a%3Fb%23c"),
        ("/東", b"/%E6%9D%B1"),
    ],
)
def test_an_http_apis_path_is_encoded_again_as_clients_do(path: str, raw_path: bytes) -> None:
    scope = scope_of(events.http() | {"rawPath": path})
    assert (scope["path"], scope["raw_path"]) == (path or "/", raw_path)


def test_a_domain_that_resembles_a_function_url_is_not_one() -> None:
    event = events.http(path="/%41", host="lambda-url.example.com") | {"rawPath": "/%41"}
    assert scope_of(event)["path"] == "/%41"


@pytest.mark.parametrize("forwarded", ["https", "http", "javascript", "http,https", ""])
def test_the_scheme_is_http_or_https(forwarded: str) -> None:
    scope = scope_of(events.http(headers={"x-forwarded-proto": forwarded}))
    assert scope["scheme"] == ("http" if forwarded == "http" else "https")
    event = events.http()
    del event["headers"]["x-forwarded-proto"], event["requestContext"]["domainName"], event["rawQueryString"]
    scope = scope_of(event)
    assert (scope["scheme"], scope["server"], scope["query_string"]) == ("https", ("localhost", 443), b"")


@pytest.mark.parametrize("host", ["wall.example.com", "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"])
def test_a_url_for_the_client_has_the_address_that_it_uses(invoke: Callable[..., LambdaResponse], host: str) -> None:
    """As the redirect URI of a login needs it."""
    response = invoke(
        app_with(lambda request: PlainTextResponse(str(request.url_for("callback"))), name="callback"),
        events.http(host=host, headers={"x-forwarded-proto": "https"}),
    )
    assert response["body"] == f"https://{host}/"


def test_a_lone_surrogate_in_an_event_is_replaced(invoke: Callable[..., LambdaResponse]) -> None:
    half = "\ud800"
    event = events.http("POST", headers={"x-name": half}, cookies=[half], body=half)
    scope = scope_of(event | {"rawPath": f"/{half}", "rawQueryString": half})
    assert (scope["raw_path"], scope["query_string"], dict(scope["headers"])[b"x-name"]) == (b"/%3F", b"?", b"?")


@pytest.mark.parametrize("host", ["", "[::1]:8080", "wall.example:port", "wall.example:443"])
def test_any_host_header_is_accepted(invoke: Callable[..., LambdaResponse], host: str) -> None:
    app = app_with(lambda request: PlainTextResponse(request.headers["host"]))
    assert invoke(app, events.http(headers={"host": host}))["body"] == host


@pytest.mark.parametrize(
    "event",
    [
        {},
        [],
        {"body": {"a": 1}},
        "text",
        None,
        {"httpMethod": "GET", "path": "/", "requestContext": {}},
        {"requestContext": {"http": {"method": "GET", "path": "/"}}, "headers": {}},
        {"requestContext": {"http": {"method": "GET"}}, "rawPath": "/", "headers": None},
    ],
)
def test_an_event_that_is_not_a_request_is_an_error(event: Any) -> None:
    loop = asyncio.new_event_loop()
    with pytest.raises(apigateway.UnknownEvent, match=r"payload format 2\.0"):
        apigateway.Gateway(app_with(lambda request: PlainTextResponse("ok")), loop)(event, None)
    loop.close()


def test_each_cookie_is_an_item_of_its_own_and_no_header(invoke: Callable[..., LambdaResponse]) -> None:
    def endpoint(request: Request) -> Response:
        response = PlainTextResponse("ok")
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        return response

    response = invoke(app_with(endpoint))
    assert [cookie.partition(";")[0] for cookie in response["cookies"]] == ["a=1", "b=2"]
    assert "set-cookie" not in response["headers"]
