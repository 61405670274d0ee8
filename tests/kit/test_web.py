"""The layers that `web.wrap` puts around an app."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from canary import CANARY
from examples import examples
from kit import logs, web
from kit.web.asgi import RESTART, InvalidHeader, check_headers

SAFE_METHODS = ["GET", "HEAD", "OPTIONS"]
UNSAFE_METHODS = ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"]
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


async def nonce(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that answers any method with the request's nonce."""
    await PlainTextResponse(scope["state"]["csp_nonce"])(scope, receive, send)


def client(app: ASGIApp, scheme: str = "http", **options: Any) -> TestClient:
    return TestClient(web.wrap(app, **options), base_url=f"{scheme}://testserver", raise_server_exceptions=False)


# --- the content security policy and the other headers


def test_scripts_and_styles_need_the_nonce_of_their_request() -> None:
    first, second = (client(nonce).get("/") for _ in range(2))
    assert first.text != second.text
    assert len(first.text) >= 22  # 128 bits
    for response in (first, second):
        policy = response.headers["content-security-policy"]
        assert policy == web.POLICY.replace("{nonce}", response.text)
        assert policy.startswith("default-src 'none'; ")


def test_a_policy_of_its_own_may_name_the_nonce() -> None:
    answer = client(nonce, policy="default-src 'self' 'nonce-{nonce}'").get("/")
    assert answer.headers["content-security-policy"] == f"default-src 'self' 'nonce-{answer.text}'"


def test_a_policy_may_be_written_over_several_lines() -> None:
    policy = """
        default-src 'self';
        img-src *
    """
    assert client(nonce, policy=policy).get("/").headers["content-security-policy"] == "default-src 'self'; img-src *"


def test_every_response_has_the_security_headers() -> None:
    headers = client(nonce).get("/").headers
    assert {name: headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS


def test_a_response_keeps_the_security_headers_that_it_sets_itself() -> None:
    own = {name: "own" for name in [*SECURITY_HEADERS, "content-security-policy", "strict-transport-security"]}
    headers = client(PlainTextResponse("", headers=own), "https").get("/").headers
    assert {name: headers[name] for name in own} == own


@pytest.mark.parametrize(("scheme", "expected"), [("https", "max-age=31536000"), ("http", None)])
def test_only_https_asks_browsers_to_stay_with_https(scheme: str, expected: str | None) -> None:
    assert client(nonce, scheme).get("/").headers.get("strict-transport-security") == expected


# --- the same-origin check


@pytest.mark.parametrize("method", UNSAFE_METHODS)
@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": ""},
        {"sec-fetch-site": "cross-site", "origin": "http://testserver"},
        {"origin": "https://evil.example"},
        {"origin": "http://testserver.evil.example"},
        {"origin": "http://testserver:8000"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "testserver"},
        {"origin": "https://["},
        {"origin": "null", "host": ""},
    ],
    ids=str,
)
def test_what_another_site_sends_is_refused(method: str, headers: dict[str, str]) -> None:
    response = client(nonce).request(method, "/", headers=headers)
    assert response.status_code == 403
    assert response.text == "Cross-site request refused. Open this site in the browser and try again."
    assert {name: response.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS


@pytest.mark.parametrize("method", UNSAFE_METHODS)
@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "same-origin", "origin": "https://evil.example"},
        {"origin": "http://testserver"},
        {"origin": "https://testserver"},
        {"origin": "https://example.com:8443", "host": "example.com:8443"},
        {},
    ],
    ids=str,
)
def test_what_the_apps_own_page_or_no_browser_sends_is_accepted(method: str, headers: dict[str, str]) -> None:
    assert client(nonce).request(method, "/", headers=headers).status_code == 200


@pytest.mark.parametrize("method", SAFE_METHODS)
def test_what_changes_nothing_may_come_from_any_site(method: str) -> None:
    headers = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    assert client(nonce).request(method, "/", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://admin.example.com", 200),
        ("https://admin.example.com.evil.example", 403),
        ("https://admin", 403),
        ("https://admin.example.co", 403),
        ("http://admin.example.com", 403),
        ("https://example.com", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_only_the_sites_that_are_named_may_send_what_changes_something(origin: str, status: int) -> None:
    headers = {"origin": origin, "sec-fetch-site": "cross-site"}
    for method in UNSAFE_METHODS:
        named = client(nonce, origins=["https://admin.example.com", "app://shop"])
        assert named.request(method, "/", headers=headers).status_code == status
        assert client(nonce).request(method, "/", headers=headers).status_code == 403


@pytest.mark.parametrize("origins", ["https://admin.example.com", b"https://admin.example.com", ""])
def test_a_string_is_not_a_list_of_origins(origins: Any) -> None:
    with pytest.raises(TypeError, match=r"origins takes a list, not a string. Write it as \["):
        web.wrap(nonce, origins=origins)


@pytest.mark.parametrize(
    "origin", ["admin.example.com", "https://admin.example.com/", "https://*.example.com/x", "null", "", "https://"]
)
def test_what_is_not_an_origin_is_refused(origin: str) -> None:
    with pytest.raises(ValueError, match=r"is not an origin\. Write it as https://"):
        web.wrap(nonce, origins=[origin])


async def greet(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()


sockets = Starlette(routes=[WebSocketRoute("/", greet)])


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}], ids=str
)
def test_a_websocket_from_another_site_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(WebSocketDisconnect) as refused, client(sockets).websocket_connect("/", headers=headers):
        pass
    assert refused.value.code == 1008


@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://testserver"}, {"sec-fetch-site": "same-origin"}, {"origin": "https://admin.example.com"}, {}],
    ids=str,
)
def test_the_apps_own_websocket_is_accepted(headers: dict[str, str]) -> None:
    connection = client(sockets, origins=["https://admin.example.com"]).websocket_connect("/", headers=headers)
    with connection as websocket:
        assert websocket.receive_text() == "hello"


# --- the request log, and failures


class Log(logging.Handler):
    """The records of a test, each with the request's id that was current."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[tuple[logging.LogRecord, str | None]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append((record, logs.request_id.get()))

    def lines(self) -> list[str]:
        return [f"{record.levelname} {record.getMessage()}" for record, _ in self.records]


@pytest.fixture
def log() -> Iterator[Log]:
    """What `kit.web` logs."""
    handler = Log()
    logger = logging.getLogger("kit.web")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def test_each_request_is_one_line_with_its_status_time_and_id(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kit.web.middleware.perf_counter", iter([100.0, 100.03456, 200.0, 201.5]).__next__)
    app = client(PlainTextResponse("ok", status_code=201))
    first, second = (app.get("/some%20path?a=query") for _ in range(2))
    assert log.lines() == ["INFO GET /some path"] * 2
    for response, ms, (record, request_id) in zip((first, second), (34.6, 1500.0), log.records, strict=True):
        assert (vars(record)["status"], vars(record)["ms"]) == (201, ms)
        assert len(response.headers["x-request-id"]) == 16
        assert response.headers["x-request-id"] == request_id
    assert log.records[0][1] != log.records[1][1]
    assert logs.request_id.get() is None


def test_a_refused_request_is_logged_with_its_origin(log: Log) -> None:
    client(nonce).post("/", headers={"origin": "https://evil.example"})
    assert log.lines() == ["WARNING refused a cross-site request", "INFO POST /"]
    assert vars(log.records[0][0])["origin"] == "https://evil.example"


def test_api_gateways_id_is_the_requests() -> None:
    async def run(app: ASGIApp, event: Any) -> str:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/", "scheme": "http", "headers": [], "aws.event": event}
        await app(scope, no_receive, send)
        return str(dict(sent[0]["headers"])[b"x-request-id"].decode())

    app = web.wrap(PlainTextResponse("ok"))
    assert asyncio.run(run(app, {"requestContext": {"requestId": "Jx-9ZhEENjMEJsg="}})) == "Jx-9ZhEENjMEJsg="
    for event in ({"requestContext": {}}, {}, None):
        assert len(asyncio.run(run(app, event))) == 16


async def no_receive() -> Message:
    raise AssertionError("nothing is read")


async def fails(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("the inside")


async def exits(scope: Scope, receive: Receive, send: Send) -> None:
    sys.exit(3)


async def is_cancelled(scope: Scope, receive: Receive, send: Send) -> None:
    raise asyncio.CancelledError


async def breaks_a_header(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(headers={"x-name": f"{CANARY}\r\nset-cookie: forged=1"})(scope, receive, send)


FAILURES = [
    (fails, "RuntimeError: the inside"),
    (exits, "SystemExit: 3"),
    (is_cancelled, "CancelledError"),
    (breaks_a_header, "InvalidHeader: The response header x-name has a line break"),
]


@pytest.mark.parametrize(("app", "error"), FAILURES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_failing_app_is_a_500_with_an_id_and_security_headers(app: ASGIApp, error: str, log: Log) -> None:
    response = client(app, "https").get("/here")
    assert (response.status_code, response.text) == (500, "Something went wrong on our side.")
    assert {name: response.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    assert "set-cookie" not in response.headers
    assert log.lines() == ["ERROR GET /here failed", "INFO GET /here"]
    traceback = logging.Formatter().formatException(log.records[0][0].exc_info)  # type: ignore[arg-type]
    assert error in traceback
    assert CANARY not in traceback
    assert vars(log.records[1][0])["status"] == 500
    assert {request_id for _, request_id in log.records} == {response.headers["x-request-id"]}
    assert logs.request_id.get() is None


def test_a_failure_of_starlettes_is_logged_and_its_own_answer_kept(log: Log) -> None:
    def view(request: Request) -> Response:
        raise RuntimeError("the inside")

    def page(request: Request, error: Exception) -> Response:
        return PlainTextResponse("a page for it", status_code=500)

    app = Starlette(routes=[Route("/", view)], exception_handlers={Exception: page})
    response = client(app).get("/")
    assert (response.status_code, response.text) == (500, "a page for it")
    assert log.lines() == ["ERROR GET / failed", "INFO GET /"]


def test_an_app_without_a_response_is_a_500(log: Log) -> None:
    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        return

    assert client(silent).get("/").status_code == 500
    assert log.lines() == ["ERROR GET / returned without completing its response", "INFO GET /"]


def test_a_response_may_leave_out_its_headers() -> None:
    async def bare(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"bare"})

    assert client(bare).get("/").text == "bare"


def test_a_request_that_is_itself_cancelled_stays_cancelled(log: Log) -> None:
    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(60)

    async def cancel() -> list[Message]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/", "scheme": "http", "headers": []}
        task = asyncio.create_task(web.wrap(waits)(scope, no_receive, send))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return sent

    assert asyncio.run(cancel()) == []
    assert log.lines() == ["INFO GET /"]


def sent_by(app: ASGIApp, extensions: dict[str, Any]) -> list[Message]:
    """What the wrapped app sends to a server with these extensions."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "scheme": "http", "headers": [], "extensions": extensions}
    asyncio.run(web.wrap(app)(scope, no_receive, send))  # type: ignore[arg-type]
    return sent


async def stops_halfway(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-encoding", b"br")]})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})


async def fails_halfway(scope: Scope, receive: Receive, send: Send) -> None:
    await stops_halfway(scope, receive, send)
    raise RuntimeError("the inside")


async def fails_afterwards(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("done")(scope, receive, send)
    raise RuntimeError("the inside")


@pytest.mark.parametrize("app", [stops_halfway, fails_halfway])
def test_half_a_response_is_replaced_where_the_server_has_not_sent_it(app: ASGIApp, log: Log) -> None:
    half, _, restart, start, body = sent_by(app, {RESTART: {}})
    assert (half["status"], restart) == (200, {"type": RESTART})
    assert (start["status"], body["body"]) == (500, b"Something went wrong on our side.")
    names = {name for name, _ in start["headers"]}
    assert {b"x-request-id", b"content-security-policy", b"x-content-type-options"} <= names
    assert b"content-encoding" not in names
    assert vars(log.records[-1][0])["status"] == 500
    assert [record.levelname for record, _ in log.records] == ["ERROR", "INFO"]


@pytest.mark.parametrize("app", [stops_halfway, fails_halfway])
def test_half_a_response_that_was_sent_is_left_to_the_server(app: ASGIApp, log: Log) -> None:
    assert [message["type"] for message in sent_by(app, {})] == ["http.response.start", "http.response.body"]
    assert vars(log.records[-1][0])["status"] == 200


def test_a_failure_after_a_complete_response_changes_nothing(log: Log) -> None:
    assert [message["type"] for message in sent_by(fails_afterwards, {RESTART: {}})] == [
        "http.response.start",
        "http.response.body",
    ]
    assert log.lines() == ["ERROR GET / failed", "INFO GET /"]


def test_what_is_not_http_passes_through() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    asyncio.run(web.wrap(app)({"type": "lifespan", "state": {}}, no_receive, no_receive))  # type: ignore[arg-type]
    assert seen == ["lifespan"]


def accepted_by(check: Callable[[], object], error: type[Exception]) -> bool:
    try:
        check()
    except error:
        return False
    return True


@examples(500)
@given(
    st.one_of(st.binary(max_size=3), st.sampled_from([b"x-name", b"Vary", b"bad name", b"x:"])),
    st.one_of(
        st.binary(max_size=4),
        st.lists(st.sampled_from([b"a", b" ", b"\t", b"\r", b"\n", b"\0", b"\x7f", b"\xe9", b"\x0b"])).map(b"".join),
    ),
)
def test_a_header_is_refused_where_h11_refuses_it(name: bytes, value: bytes) -> None:
    """h11 is what uvicorn writes responses with."""
    ours = accepted_by(lambda: check_headers([(name, value)]), InvalidHeader)
    assert ours == accepted_by(
        lambda: h11.Response(status_code=200, headers=[(name, value)]), h11.LocalProtocolError
    ) or name.lower() in {b"te", b"content-length"}


# --- background tasks


async def parts() -> AsyncIterator[str]:
    yield "one"
    yield "two"


WARNING = "WARNING GET / has a background task: on Lambda the client waits until it is done. Use a job instead, see "


@pytest.mark.parametrize(
    "response",
    [
        lambda task: PlainTextResponse("ok", background=task),
        lambda task: StreamingResponse(parts(), background=task),
        lambda task: FileResponse(__file__, background=task),
    ],
    ids=["plain", "streaming", "file"],
)
def test_the_first_background_task_is_warned_of(response: Callable[[Any], Response], log: Log) -> None:
    done: list[bool] = []
    app = Starlette(routes=[Route("/", lambda request: response(BackgroundTask(done.append, True)))])
    visitor = client(app)
    for _ in range(2):
        assert visitor.get("/").status_code == 200
    assert done == [True, True]
    assert log.lines() == [f"{WARNING}kit/docs/jobs.md.", "INFO GET /", "INFO GET /"]


def test_a_response_without_a_background_task_is_not_warned_of(log: Log) -> None:
    client(Starlette(routes=[Route("/", lambda request: StreamingResponse(parts()))])).get("/")
    client(PlainTextResponse("ok")).get("/")
    client(nonce).get("/")
    assert log.lines() == ["INFO GET /"] * 3


def test_nothing_is_warned_of_on_lambda(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "web")
    client(PlainTextResponse("ok", background=BackgroundTask(int))).get("/")
    assert log.lines() == ["INFO GET /"]


# --- conditional requests


def page(request: Request) -> Response:
    headers = {"cache-control": "no-cache", "vary": "Cookie", "content-language": "ja", "last-modified": "x"}
    response = PlainTextResponse(request.query_params.get("text", "text") * 1000, headers=headers)
    response.set_cookie("seen", "1")
    return web.conditional(request, response)


pages = Starlette(routes=[Route("/", page)])


def test_a_page_has_a_weak_etag_that_changes_with_it() -> None:
    etags = [client(pages).get("/", params={"text": text}).headers["etag"] for text in ("one", "one", "two")]
    assert etags[0] == etags[1] != etags[2]
    assert etags[0].startswith('W/"')


@pytest.mark.parametrize(
    "if_none_match",
    [
        "{etag}",
        "{strong}",
        "*",
        ' "other", {etag}',
        'W/"other",{strong},"more"',
        '"with, comma", {etag}',
        "{etag} ",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_client_that_has_the_page_gets_a_304(if_none_match: str, method: str) -> None:
    visitor = client(pages)
    full = visitor.get("/")
    etag = full.headers["etag"]
    header = if_none_match.format(etag=etag, strong=etag.removeprefix("W/"))
    response = visitor.request(method, "/", headers={"if-none-match": header})
    assert (response.status_code, response.content) == (304, b"")
    kept = ["cache-control", "etag", "set-cookie", "vary"]
    assert {name: response.headers[name] for name in kept} == {name: full.headers[name] for name in kept}
    assert response.headers["vary"] == "Cookie, Accept-Encoding"
    assert not {"content-language", "content-type", "content-length"} & set(response.headers)


def test_the_tags_of_a_client_may_come_in_several_headers() -> None:
    etag = client(pages).get("/").headers["etag"]
    headers = [("if-none-match", '"other"'), ("if-none-match", etag)]
    assert client(pages).get("/", headers=headers).status_code == 304


@pytest.mark.parametrize("if_none_match", ["", '"other"', "other", '"', "W/", "{bare}", '"{bare}x"', 'W/"*"', "**"])
def test_a_client_that_has_another_page_gets_this_one(if_none_match: str) -> None:
    full = client(pages).get("/")
    header = if_none_match.format(bare=full.headers["etag"][3:-1])
    response = client(pages).get("/", headers={"if-none-match": header})
    assert (response.status_code, response.text) == (200, full.text)


def test_a_page_keeps_an_etag_of_its_own() -> None:
    def own(request: Request) -> Response:
        return web.conditional(request, PlainTextResponse("text", headers={"etag": '"1"'}))

    visitor = client(Starlette(routes=[Route("/", own)]))
    assert visitor.get("/").headers["etag"] == '"1"'
    assert visitor.get("/", headers={"if-none-match": 'W/"1"'}).status_code == 304


def test_the_request_id_does_not_outlive_its_request() -> None:
    async def request() -> tuple[str | None, str | None]:
        seen = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(logs.request_id.get())
            await PlainTextResponse("ok")(scope, receive, send)

        async def receive() -> Message:
            return {"type": "http.request", "body": b""}

        async def send(message: Message) -> None: ...

        scope = {"type": "http", "method": "GET", "path": "/", "scheme": "http", "headers": [], "query_string": b""}
        await web.wrap(app)(scope, receive, send)
        return seen[0], logs.request_id.get()

    during, after = asyncio.run(request())
    assert during
    assert after is None
