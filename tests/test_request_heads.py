"""No request's head, however odd, ends in a 500: on the wall, and on an app that reads all of it."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Scope

from examples import examples
from kit import settings, testing, web
from kit.db import database
from kit.web import forms


@pytest.fixture(scope="module")
def wall(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ASGIApp]:
    """The generated app, in this process, with a database of its own."""
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(app))
        patched.setenv("DATABASE_URL", "")
        testing.use_database(f"sqlite:///{tmp_path_factory.mktemp('database') / 'app.db'}")
        forget_app()  # another test's may be the template's own, which lacks what is rendered
        from app.web import app as generated

        yield generated
        database.engine().dispose()
    forget_app()
    settings.current.cache_clear()
    database.engine.cache_clear()


def forget_app() -> None:
    """Let the next import of `app` look for it anew."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "app"]:
        del sys.modules[name]


async def reader(request: Request) -> Response:
    """Read all of a request's head that Starlette understands."""
    url = request.url
    read = [url.hostname, url.port, url.path, url.query, str(request.base_url), str(request.url_for("reader"))]
    read += [request.cookies, request.query_params.multi_items(), dict(request.headers), request.client]
    if request.method in {"POST", "PUT"}:
        read.append(await forms.read(request))
    return web.conditional(request, JSONResponse(repr(read)))


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> ASGIApp:
    """An app that reads everything, with files and with addresses that end in a slash."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "file.txt").write_text("text" * 1000)
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    return web.wrap(
        Starlette(
            routes=[
                Mount("/static", StaticFiles(directory=folder, html=True)),
                Route("/reader", reader, methods=methods, name="reader"),
                Route("/slash/", reader, methods=methods),
                Route("/part/{rest:path}", reader, methods=methods),
            ]
        )
    )


Answered = Callable[[ASGIApp, Scope], int]


@pytest.fixture(scope="module")
def answered() -> Iterator[Answered]:
    """The status of an app's answer to a request without a body."""
    loop = asyncio.new_event_loop()

    async def ask(app: ASGIApp, scope: Scope) -> int:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await app(dict(scope), receive, send)
        assert sent[-1]["type"] == "http.response.body" and not sent[-1].get("more_body")
        return int(sent[0]["status"])

    yield lambda app, scope: loop.run_until_complete(ask(app, scope))
    loop.close()


HEADERS: dict[str, list[str]] = {
    "accept": ["*/*", "text/html;q=0.9", ";;"],
    "accept-encoding": ["gzip", "gzip;q=0", "*;q=x", "br, gzip,,"],
    "authorization": ["Basic !!", "Bearer", "Digest a="],
    "connection": ["close", "upgrade", "keep-alive, x"],
    "content-encoding": ["gzip", "x"],
    "content-length": ["0", "-1", "1e3", "99999999999999999999", "1, 2"],
    "content-type": ["application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=", "/"],
    "cookie": ["a=1; b=2", "=", ";;", 'a="\\"', "a" * 5000, 'session="\\377\\0"'],
    "date": ["x"],
    "expect": ["100-continue", "x"],
    "forwarded": ['for="[::1]";proto=x', "for=;;"],
    "host": ["a.example", "[", "[::1]:x", "a:b", "a@b", "", "a:99999", "xn--", "%", "a..b", "//", "\\"],
    "if-modified-since": ["Mon, 01 Jan 0000 00:00:00 GMT", "x", "Thu, 99 Feb 99999 99:99:99 GMT"],
    "if-none-match": ["*", '"', 'W/"', ",", '"a", W/"b"'],
    "if-range": ["x", '"a"', "Mon, 01 Jan 2000 00:00:00 GMT"],
    "origin": ["https://[", "null", "http://a.example", "https://a:b", "//", ":", "https://]", "[::1"],
    "range": ["bytes=0-1", "bytes=1-0", "bytes=-", "bytes=0-1,2-3", "bytes=99999-", "x=1", "bytes=a-b", "bytes=0-,-1"],
    "referer": ["https://[", "x"],
    "sec-fetch-site": ["cross-site", "same-origin", "x", ""],
    "te": ["trailers"],
    "transfer-encoding": ["chunked", "x"],
    "upgrade": ["websocket", "h2c"],
    "x-forwarded-for": ["x", "1.2.3.4, [::1"],
    "x-forwarded-host": ["[", "a b"],
    "x-forwarded-proto": ["javascript", "https, http"],
}
octets = st.binary(max_size=12)
header = st.sampled_from(sorted(HEADERS)).flatmap(
    lambda name: st.tuples(
        st.just(name.encode()),
        st.one_of(st.sampled_from(HEADERS[name]).map(lambda value: value.encode("latin-1")), octets),
    )
)
others = st.tuples(st.from_regex(rb"[a-z0-9_-]{1,12}", fullmatch=True), octets)
paths = st.one_of(
    st.sampled_from(["/", "/messages", "/health", "/reader", "/slash", "/slash/", "/static/file.txt", "/static", ""]),
    st.text(max_size=12).map(lambda text: f"/{text}"),
    st.text(max_size=12).map(lambda text: f"/static/{text}"),
    st.text(max_size=12).map(lambda text: f"/part/{text}"),
    st.sampled_from(
        ["/static/\0", "/static/../../etc/passwd", "/static/" + "a" * 300, "//", "//a.example", "/slash//"]
    ),
)
queries = st.one_of(  # h11 lets ASCII through; an event has text
    st.sampled_from(["before=1", "before=%ff", "before=\u0661", "a", "&&", "%", "?", "a=1;b=2"]),
    st.text(max_size=12),
    st.text(max_size=12).map(lambda text: f"before={text}"),
).map(lambda text: text.encode(errors="replace"))
methods = st.one_of(
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "PRI"]),
    st.from_regex(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,10}", fullmatch=True),
)


def head(method: str, path: str, query: bytes, headers: list[tuple[bytes, bytes]], scheme: str = "http") -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": scheme,
        "path": path,
        "raw_path": quote(path, errors="replace").encode(),
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": ("192.0.2.1", 50000),
        "server": ("127.0.0.1", 8000),
    }


heads = st.builds(
    head, methods, paths, queries, st.lists(st.one_of(header, others), max_size=6), st.sampled_from(["http", "https"])
)


@examples(400)
@given(heads)
@example(head("POST", "/", b"", [(b"origin", b"https://[")]))
@example(head("GET", "/reader", b"", [(b"host", b"[")]))
def test_no_head_of_a_request_ends_in_a_500(wall: ASGIApp, wide: ASGIApp, answered: Answered, scope: Any) -> None:
    for app in (wall, wide):
        assert answered(app, scope) < 500
