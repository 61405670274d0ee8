"""One app behind uvicorn, behind an HTTP API and behind a function URL: it gets the same requests, and runs alike.

What a gateway does not pass on is in docs/lambda.md, and left out here by `lost` and `by_the_gateway` alone.
"""

import asyncio
import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx2 as httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

import events
import rie
import serving
from examples import examples
from kit import web
from kit.aws_lambda.apigateway import Gateway
from probe import web as probe


@dataclass(frozen=True)
class Request:
    """What a client sends: the target as it stands in the request line."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with what arrived."""
    message = await receive()
    arrived = {
        "method": scope["method"],
        "path": scope["path"],
        "decodes to path": unquote(scope["raw_path"].decode()) == scope["path"],
        "query": scope["query_string"].decode(),
        "headers": [[name.decode(), value.decode()] for name, value in scope["headers"]],
        "body": message["body"].hex(),
    }
    while message["more_body"]:
        message = await receive()
        arrived["body"] += message["body"].hex()
    body = json.dumps(arrived).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


app = web.wrap(echo)

Result = tuple[int, Any]
"""A status, and what arrived if it is 200."""

Server = Callable[[Request, str], Result]
Function = Callable[[dict[str, Any]], Result]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Send a request to uvicorn, as it is written, with that `Host`."""
    with serving.uvicorn(app) as address:
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)

        def send(request: Request, host: str) -> Result:
            target = request.path + (f"?{request.query}" if request.query else "")
            connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in [("Host", host), *request.headers, ("Content-Length", str(len(request.body)))]:
                connection.putheader(name, value)
            connection.endheaders(request.body)
            response = connection.getresponse()
            body = response.read().decode()
            return response.status, json.loads(body) if response.status == 200 else body

        yield send
        connection.close()


@pytest.fixture(scope="module")
def on_lambda() -> Iterator[Function]:
    """Give an event to the adapter."""
    loop = asyncio.new_event_loop()
    handler = Gateway(app, loop)

    def invoke(event: dict[str, Any]) -> Result:
        response = handler(event, None)
        body = events.content(response).decode()
        return response["statusCode"], json.loads(body) if response["statusCode"] == 200 else body

    yield invoke
    loop.close()


def built(event: Callable[..., dict[str, Any]], request: Request) -> dict[str, Any]:
    """The event of a front door for the request."""
    headers = [*request.headers, ("content-length", str(len(request.body)))]
    return event(request.method, request.path, query=request.query, headers=headers, body=request.body or None)


def decoded_once(request: Request) -> dict[str, Any]:
    """An HTTP API's event if it decoded the path once, and lost nothing by it."""
    event = built(events.http, replace(request, path="/"))
    event["rawPath"] = event["requestContext"]["http"]["path"] = unquote(request.path)
    return event


def lost(path: str) -> bool:
    """Whether an HTTP API changes or refuses the path: it has an encoded percent sign or question mark."""
    return "%25" in path or "%3f" in path.lower()


def comparable(result: Result) -> Result:
    """The same request in the same words: repeated headers joined, a gateway's own left out, cookies one by one."""
    status, arrived = result
    if status != 200:
        return result
    headers: dict[str, str] = {}
    for name, value in arrived["headers"]:
        separator = ";" if name == "cookie" else ","
        headers[name] = f"{headers[name]}{separator}{value}" if name in headers else value
    if "cookie" in headers:
        headers["cookie"] = "; ".join(cookie.strip() for cookie in headers["cookie"].split(";"))
    return status, arrived | {"headers": {name: value for name, value in headers.items() if not by_the_gateway(name)}}


def by_the_gateway(name: str) -> bool:
    """Whether a gateway sets this header itself; `host` is the one by which it was reached."""
    return name in {"host", "x-amzn-trace-id"} or name.startswith("x-forwarded-")


UNRESERVED = "abcXYZ019-._~"
octets = st.integers(0, 255).map(lambda octet: f"%{octet:02X}")
written = st.sampled_from("é東👋%?#/& +\0\n").map(lambda text: "".join(f"%{octet:02x}" for octet in text.encode()))
twice = octets.map(lambda text: text.replace("%", "%25"))
segments = st.lists(st.one_of(st.sampled_from(UNRESERVED + "!$&'()*+,;=:@"), octets, written, twice), max_size=6).map(
    "".join
)
paths = st.lists(segments, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
queries = st.lists(
    st.one_of(st.sampled_from(UNRESERVED + "!$&'()*+,;=:@/?&=&="), octets, written, twice), max_size=12
).map("".join)
NAMES = """Accept Accept-Encoding Accept-Language Authorization Content-Type Cookie Forwarded If-None-Match Origin Range
Referer Sec-Fetch-Site User-Agent X-One x-one X_Under"""
names = st.sampled_from(NAMES.split())
SINGLE = {"content-type", "origin", "sec-fetch-site", "accept-encoding"}
"""Headers of which a client sends one."""

visible = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20).map(str.strip)
VALUES = f"""application/json|text/plain; charset=utf-8|application/x-www-form-urlencoded|image/png|a=1; b=2|
session=abc;theme=dark|https://evil.example|https://{events.HOST}|https://{events.URL_HOST}|cross-site|same-origin|none|
gzip, br|"etag"|W/*|bytes=0-1|null|https://["""
known = st.sampled_from([value.strip() for value in VALUES.split("|")])


def one_of_each(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    seen: set[str] = set()
    kept = []
    for name, value in headers:
        if name.lower() not in seen or name.lower() not in SINGLE:
            kept.append((name, value))
        seen.add(name.lower())
    return kept


requests = st.builds(
    Request,
    st.sampled_from(["GET", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]),
    paths,
    queries,
    st.lists(st.tuples(names, st.one_of(visible, known)), max_size=6).map(one_of_each),
    st.one_of(st.binary(max_size=40), st.text(max_size=20).map(str.encode)),
)


def of_a_path(path: str) -> Request:
    return Request("GET", path, "", [], b"")


@examples(300)
@given(requests)
@example(of_a_path("/one/%2541"))
@example(of_a_path("/one/a%252Fb"))
@example(of_a_path("/e/100%25ab"))
@example(of_a_path("/static/100%2525.txt"))
@example(of_a_path("/%E6%9D%B1%E4%BA%AC/a%2Fb%20c"))
@example(Request("POST", "/", "", [("Origin", "https://[")], b""))
def test_an_app_gets_the_same_request_from_uvicorn_and_on_lambda(
    server: Server, on_lambda: Function, request: Request
) -> None:
    expected = comparable(server(request, events.URL_HOST))
    assert expected[0] in {200, 403}
    assert comparable(on_lambda(built(events.function_url, request))) == expected
    assert comparable(on_lambda(decoded_once(request))) == comparable(server(request, events.HOST))
    if not lost(request.path):
        assert comparable(on_lambda(built(events.http, request))) == comparable(server(request, events.HOST))


@pytest.mark.parametrize(
    ("sent", "arrives"),
    [
        ("/capture/space%20value", "/capture/space value"),
        ("/capture/question%3Fvalue", "/capture/question"),
        ("/capture/hash%23value", "/capture/hash#value"),
        ("/capture/slash%2Fvalue", "/capture/slash/value"),
        ("/capture/unicode-%CE%BB-%E4%B8%96%E7%95%8C", "/capture/unicode-λ-世界"),
        ("/capture/literal%252Fvalue", "/capture/literal/value"),
        ("/capture/literal%253Fvalue", "/capture/literal?value"),
        ("/capture/literal%2525value", "/capture/literal%value"),
    ],
)
def test_the_events_have_the_paths_of_captured_ones(sent: str, arrives: str) -> None:
    assert events.http(path=sent)["rawPath"] == arrives
    assert events.function_url(path=sent)["rawPath"] == sent


def test_an_http_api_refuses_a_path_that_it_cannot_decode_a_second_time() -> None:
    with pytest.raises(events.Rejected):
        events.http(path="/capture/percent%25done")


@pytest.mark.parametrize("path", ["/a b", "/東京", "/50%", "/a?b#c", "/%41"])
def test_an_http_apis_path_arrives_as_it_is(on_lambda: Function, path: str) -> None:
    event = events.http()
    event["rawPath"] = event["requestContext"]["http"]["path"] = path
    arrived = on_lambda(event)[1]
    assert (arrived["path"], arrived["decodes to path"]) == (path, True)


@pytest.fixture(scope="module")
def function(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rie.Process]:
    """The app of tests/probe/web.py on Lambda."""
    folder = tmp_path_factory.mktemp("function")
    folder.joinpath("app").mkdir()
    folder.joinpath("app", "web.py").write_text(Path(probe.__file__).read_text())
    database = f"sqlite:///{folder}/app.db"
    with rie.process(folder, "kit.aws_lambda.web.handler", folder / "log", DATABASE_URL=database) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/timeout", "timed out"),
        ("/parallel", "in parallel"),
        ("/from-thread", "awaited"),
        ("/own-loop", "slept"),
    ],
)
def test_threads_behave_as_with_uvicorn(function: rie.Process, path: str, text: str) -> None:
    with serving.uvicorn(probe.app) as address:
        assert httpx.get(address + path).text == text
    assert [function.invoke(events.http(path=path)).get("body") for _ in range(2)] == [text, text]
