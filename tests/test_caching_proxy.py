"""The app behind a real caching proxy: nobody gets what is another client's, and few requests reach the app."""

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

import caching_proxy
import events
import serving
from examples import examples
from kit import secrets, web
from kit.aws_lambda import apigateway, cdn
from kit.web import templates
from kit.web.sessions import Sessions

PUBLIC = {"cache-control": "public, s-maxage=60, stale-while-revalidate=60"}
API = events.HOST


class Careless:
    """An app that calls everything public, also what is one client's. Each client has an id in `x-client`."""

    def __init__(self, pages: Any) -> None:
        self.pages = pages
        self.made = 0
        routes = [
            Route(path, endpoint, methods=methods)
            for path, endpoint, methods in [
                ("/greeting", self.greeting, ["GET"]),
                ("/login", self.login, ["POST"]),
                ("/logout", self.logout, ["POST"]),
                ("/cookie", self.cookie, ["GET"]),
                ("/nonce", self.nonce, ["GET"]),
                ("/silent", self.silent, ["GET"]),
                ("/token", self.token, ["GET"]),
                ("/accept", self.accept, ["GET"]),
                ("/refused", self.refused, ["GET"]),
                ("/back", self.back, ["GET"]),
                ("/inlined", self.inlined, ["GET"]),
                ("/plain", self.plain, ["GET"]),
            ]
        ]
        self.app = Starlette(routes=routes, middleware=[Middleware(Sessions, keys=lambda: ["key"])])

    def unique(self) -> str:
        """Return text that only one response has."""
        self.made += 1
        return f"unique-{self.made}"

    def greeting(self, request: Request) -> Response:
        return PlainTextResponse(f"Hello {request.session.get('client', 'stranger')}", headers=PUBLIC)

    def login(self, request: Request) -> Response:
        request.session["client"] = request.headers["x-client"]
        return RedirectResponse("/greeting", 303, headers=PUBLIC)

    def logout(self, request: Request) -> Response:
        request.session.clear()
        return RedirectResponse("/greeting", 303, headers=PUBLIC)

    def cookie(self, request: Request) -> Response:
        response = PlainTextResponse("a cookie", headers=PUBLIC)
        response.set_cookie("visit", self.unique())
        return response

    def nonce(self, request: Request) -> Response:
        return HTMLResponse(f'<script nonce="{request.state.csp_nonce}"></script>', headers=PUBLIC)

    def silent(self, request: Request) -> Response:
        return PlainTextResponse(f"of {request.headers['x-client']}")

    def token(self, request: Request) -> Response:
        return PlainTextResponse(f"of {request.headers.get('authorization', 'nobody')}", headers=PUBLIC)

    def accept(self, request: Request) -> Response:
        kind = JSONResponse if "json" in request.headers.get("accept", "") else PlainTextResponse
        return kind("accepted", headers=PUBLIC | {"vary": "Accept"})  # type: ignore[operator]

    def refused(self, request: Request) -> Response:
        raise HTTPException(403, f"Not for {request.headers['x-client']}", headers=PUBLIC | {"set-cookie": "a=1"})

    def back(self, request: Request) -> Response:
        return PlainTextResponse(str(request.url_for("plain")), headers=PUBLIC)

    def inlined(self, request: Request) -> Response:
        response: Response = self.pages.TemplateResponse(request, "page.html", headers=PUBLIC)
        return web.conditional(request, response)

    def plain(self, request: Request) -> Response:
        return PlainTextResponse("for everybody " * 100, headers=PUBLIC)


def function(handler: Callable[[Any, Any], dict[str, Any]]) -> ASGIApp:
    """Return a server of a Lambda function, which gets events as API Gateway builds them, one after another."""
    one_at_a_time = threading.Lock()

    def invoke(event: dict[str, Any]) -> dict[str, Any]:
        with one_at_a_time:
            return handler(event, None)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name.decode(), value.decode()) for name, value in scope["headers"] if name != b"host"]
        path, query = scope["raw_path"].decode(), scope["query_string"].decode()
        body = (await receive())["body"]
        event = events.http(scope["method"], path, query=query, headers=headers, body=body or None)
        answer = await asyncio.to_thread(invoke, event)
        cookies = [("set-cookie", cookie) for cookie in answer.get("cookies", ())]
        content = events.content(answer)
        sent = {"content-length": str(len(content)), **answer["headers"]}
        raw = [(name.encode(), value.encode("latin-1")) for name, value in [*sent.items(), *cookies]]
        await send({"type": "http.response.start", "status": answer["statusCode"], "headers": raw})
        await send({"type": "http.response.body", "body": content})

    return app


@dataclass
class Site:
    """The app's own address, and that of the proxy before it."""

    origin: str
    proxy: str
    host: str | None
    """The `Host` that the app's server gets; the client's, if `None`."""


@pytest.fixture(scope="module", params=["uvicorn", "Lambda"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("pages")
    (folder / "page.html").write_text('{{ inline("page.js") }}')
    (folder / "page.js").write_text("hello()")
    app = web.wrap(Careless(templates.load(folder)).app)
    if request.param == "uvicorn":
        with serving.uvicorn(app) as origin, caching_proxy.running(origin) as proxy:
            yield Site(origin, proxy, None)
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "read", lambda name: caching_proxy.SECRET)
        patch.setenv(cdn.VARIABLE, "/my-app/prod/origin-secret")
        loop = asyncio.new_event_loop()
        handler = cdn.behind(apigateway.Gateway(app, loop))
        with serving.uvicorn(function(handler)) as origin, caching_proxy.running(origin, host=API) as proxy:
            yield Site(origin, proxy, API)
        loop.close()


PATHS = ["greeting", "cookie", "nonce", "silent", "token", "accept", "refused", "back", "inlined", "plain", "nowhere"]
requests = st.tuples(
    st.integers(0, 2),
    st.sampled_from(["login", "logout"] + 3 * PATHS),
    st.sampled_from(["identity", "gzip"]),
    st.sampled_from(["*/*", "application/json"]),
)
"""The number of a client, a path, and two headers."""


@dataclass
class Client:
    """A client with its cookies, each response of which is compared with the app's own."""

    site: Site
    name: str
    connection: httpx.Client
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, path: str, encoding: str, accept: str) -> tuple[httpx.Response, httpx.Response]:
        """Return the response through the proxy, and that of the app itself to the same request."""
        method = "POST" if path in {"login", "logout"} else "GET"
        headers = {"x-client": self.name, "accept-encoding": encoding, "accept": accept}
        if self.cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if path == "token":
            headers["authorization"] = f"Bearer {self.name}"
        host = self.site.proxy.removeprefix("http://")
        beside = {"host": self.site.host or host, "x-forwarded-host": host, "cloudfront-forwarded-proto": "http"}
        beside |= {"x-origin-secret": caching_proxy.SECRET}
        through = self.connection.request(method, f"{self.site.proxy}/{path}", headers=headers)
        directly = self.connection.request(method, f"{self.site.origin}/{path}", headers=headers | beside)
        for value in through.headers.get_list("set-cookie"):
            name, _, content = value.partition(";")[0].partition("=")
            self.cookies[name] = content
            if "1970" in value:
                del self.cookies[name]
        self.connection.cookies.clear()
        return through, directly


ONE_CLIENTS = re.compile(r"unique-\d+|nonce[-=]\"?[\w-]+")
"""What is in one response only."""
COMPARED = ["content-encoding", "content-type", "etag", "location", "vary"]
OF_ONE_ANSWER = ["cache-control", "content-security-policy"]
"""What a copy from the cache may have otherwise: the app calls the same page private where a client has any cookie."""


def essence(response: httpx.Response, *, names: list[str]) -> tuple[Any, ...]:
    """Return what must be the same as without a proxy, without what no two responses share."""
    cookies = [value.partition("=")[0] for value in response.headers.get_list("set-cookie")]
    headers = {name: ONE_CLIENTS.sub("…", response.headers.get(name, "")) for name in names}
    return response.status_code, ONE_CLIENTS.sub("…", response.text), headers, cookies


@examples(25)
@given(visits=st.lists(requests, min_size=1, max_size=20))
def test_every_client_gets_what_the_app_answers_it_and_nothing_of_others(
    site: Site, visits: list[tuple[int, str, str, str]]
) -> None:
    seen: set[str] = set()
    with httpx.Client() as connection:
        clients = [Client(site, f"client-{number}", connection) for number in range(3)]
        for number, *what in visits:
            through, directly = clients[number].ask(*what)
            names = COMPARED if through.headers.get("x-cache") == "HIT" else COMPARED + OF_ONE_ANSWER
            assert essence(through, names=names) == essence(directly, names=names)
            of_one = set(ONE_CLIENTS.findall(through.text + str(through.headers.raw)))
            assert not of_one & seen
            seen |= of_one
            assert set(re.findall(r"client-\d", through.text)) <= {clients[number].name}


def test_the_proxy_keeps_what_is_everybodys_for_all_clients(site: Site) -> None:
    headers = {"accept-encoding": "gzip", "cookie": "_ga=1"}
    ids = set()
    for path in ("plain", "inlined"):
        for _ in range(3):
            response = httpx.get(f"{site.proxy}/{path}", headers=headers)
            ids.add((path, response.headers["x-request-id"], response.headers["x-cache"]))
        unchanged = httpx.get(
            f"{site.proxy}/{path}", headers=headers | {"if-none-match": response.headers.get("etag", "")}
        )
        assert unchanged.status_code == (304 if path == "inlined" else 200)
    assert len({(path, request_id) for path, request_id, _ in ids if path}) == 2
    assert {cache for _, _, cache in ids} >= {"HIT"}


def test_without_the_kit_the_same_proxy_would_mix_clients_up(tmp_path_factory: pytest.TempPathFactory) -> None:
    """So that the tests above could fail."""
    with serving.uvicorn(Careless(None).app) as origin, caching_proxy.running(origin) as proxy:
        cookies = {httpx.get(f"{proxy}/cookie").headers["set-cookie"] for _ in range(2)}
        tokens = {httpx.get(f"{proxy}/token", headers={"authorization": f"Bearer {n}"}).text for n in range(2)}
    assert len(cookies) == len(tokens) == 1
