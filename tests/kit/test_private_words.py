"""What a client sends stays out of the logs, whatever fails.

A log line has a request's method and path, and the origin of a refused one. Everything else that a client sends is
planted here with a canary, through uvicorn and through Lambda's adapter, on SQLite and on MySQL.
"""

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2 as httpx
import pytest
from sqlalchemy import Engine, ForeignKey, Integer, String, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

import events
import mysql
import serving
from kit import logs, settings, web
from kit.aws_lambda.apigateway import Gateway
from kit.db import connection, database
from kit.db.types import UtcDateTime
from kit.web import forms, templates

FIELDS = ["query", "header", "user-agent", "referer", "cookie", "authorization", "form", "json"]
CANARIES = {field: f"{field}-canary o'clock" for field in FIELDS}
"""With a quotation mark, as words have."""

found_as = [f"{field}-canary" for field in FIELDS] + ["o'clock", "o\\'clock", "o''clock", "o%27clock"]
"""How a canary would stand in a log, whole or in part."""


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str | None] = mapped_column(String(200), unique=True)
    short: Mapped[str | None] = mapped_column(String(3))
    number: Mapped[int | None] = mapped_column(Integer)
    moment: Mapped[datetime | None] = mapped_column(UtcDateTime)
    needed: Mapped[str] = mapped_column(String(9), default="x")
    other: Mapped[int | None] = mapped_column(ForeignKey("notes.id"))


async def sent(request: Request) -> str:
    """Everything that the client sent, in one text."""
    body = (await request.body()).decode()
    return "\n".join([str(request.query_params), repr(request.headers.items()), repr(request.cookies), body])


def each(words: str) -> list[str]:
    """The canaries among them, as values for a database."""
    return [canary for canary in CANARIES.values() if canary in words]


def write(**columns: Any) -> None:
    with database.session() as session:
        session.add(Note(**columns))


def twice(word: str) -> None:
    write(text=word)
    write(text=word)


def raw(statement: str) -> Callable[[str], object]:
    def run(word: str) -> None:
        with database.session() as session:
            session.execute(text(statement), {"word": word})

    return run


def read(word: str) -> None:
    with database.reading() as session:
        session.execute(text("SELECT * FROM missing WHERE text = :word"), {"word": word})


def rows(word: str) -> None:
    database.rows(select(Note.id).where(Note.text == word, text("missing = 1")))


def write_while_reading(word: str) -> None:
    with database.reading() as session:
        session.execute(text("INSERT INTO notes (text) VALUES (:word)"), {"word": word})


DATABASE: dict[str, Callable[[str], object]] = {
    "unique": twice,
    "null": lambda word: write(text=word, needed=None),
    "too long": lambda word: write(short=word),
    "no number": raw("INSERT INTO notes (needed, number) VALUES ('x', :word)"),
    "no moment": raw("INSERT INTO notes (needed, moment) VALUES ('x', :word)"),
    "no such type": lambda word: write(text=word, moment=word),
    "foreign key": lambda word: write(text=word, other=99),
    "half a character": lambda word: write(text=word + "\ud800"),
    "syntax": raw("INSERT INTO notes (needed, text) VALUES ('x', :word) AND SO ON"),
    "reading": read,
    "rows": rows,
    "write while reading": write_while_reading,
}


async def in_the_database(request: Request) -> Response:
    failures = []
    for word in each(await sent(request))[::7]:  # all are the same to a database
        for name, fail in DATABASE.items():
            try:
                fail(word)
            except Exception as error:
                failures.append(name)
                logging.getLogger("app").exception("writing failed", exc_info=error)
    if request.url.path.endswith("raised"):
        twice(each(await sent(request))[0])
    return JSONResponse(failures)


async def database_away(request: Request) -> Response:
    word = (await sent(request))[:100]
    away = connection.connect("mysql://app:password@127.0.0.1:9/app")
    with away.connect() as connected:
        connected.execute(text("SELECT :word"), {"word": word})
    return PlainTextResponse("unreachable")


async def in_the_view(request: Request) -> Response:
    words = await sent(request)  # in the traceback's frame, and not to be shown
    raise RuntimeError("the view failed" if words else "nothing was sent")


async def in_the_template(request: Request) -> Response:
    folder = templates.load(Path(__file__).parent / "corpus" / "templates")
    return folder.TemplateResponse(request, "fails.html", {"words": await sent(request)})


async def in_the_header(request: Request) -> Response:
    return PlainTextResponse("ok", headers={"x-words": (await sent(request)).replace("東", "")})


async def in_the_redirect(request: Request) -> Response:
    response = RedirectResponse("/")
    response.headers["location"] = f"/{await sent(request)}"
    return response


async def in_the_length(request: Request) -> Response:
    return PlainTextResponse(await sent(request), headers={"content-length": "1"})


async def in_the_json(request: Request) -> Response:
    return JSONResponse({"words": await sent(request), "never": float("nan")})


async def in_the_stream(request: Request) -> Response:
    words = await sent(request)

    async def parts() -> Any:
        yield words
        raise RuntimeError("the stream failed")

    return StreamingResponse(parts())


async def in_the_form(request: Request) -> Response:
    return PlainTextResponse(repr(await forms.read(request)))


async def exits(request: Request) -> Response:
    await sent(request)
    raise SystemExit(1)


VIEWS = {
    view.__name__: view
    for view in (in_the_view, in_the_template, in_the_header, in_the_redirect, in_the_length, in_the_json)
} | {view.__name__: view for view in (in_the_stream, in_the_form, exits, in_the_database, database_away)}


class Failing:
    """A middleware that fails once it has read the request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/in_the_middleware"):
            words = await receive()
            raise RuntimeError(f"the middleware failed after {len(words['body'])} bytes")
        await self.app(scope, receive, send)


def page_of(request: Request, error: Exception) -> Response:
    logging.getLogger("app").error("the database failed", exc_info=error)
    return PlainTextResponse("The database failed.", status_code=503)


def app() -> ASGIApp:
    routes = [Route(f"/{name}/{{rest:path}}", view, methods=["GET", "POST"]) for name, view in VIEWS.items()]
    return web.wrap(Failing(Starlette(routes=routes, exception_handlers={DBAPIError: page_of})))


PATHS = [*(f"/{name}/canary-path" for name in VIEWS), "/in_the_middleware/canary-path", "/nowhere/canary-path"]
PATHS += ["/in_the_database/raised"]


@pytest.fixture(params=["sqlite", "mysql"])
def engine(request: pytest.FixtureRequest, project: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The kit's engine for a database with the table `notes`."""
    if request.param == "sqlite":
        monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'app.db'}")
    else:
        server: mysql.Server = request.getfixturevalue("tls_server").with_database("words")
        monkeypatch.setenv("DATABASE_URL", server.url())
        monkeypatch.setenv("DATABASE_CA", server.ca)
    Base.metadata.create_all(database.engine())
    return database.engine()


@pytest.fixture(params=["text", "json"])
def written(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """What all loggers have written so far, at the most talkative level."""
    handlers, level = logging.root.handlers[:], logging.root.level
    monkeypatch.setenv("LOG_FORMAT", request.param)
    monkeypatch.setenv("LOG_LEVEL", "debug")
    settings.current.cache_clear()
    stream = io.StringIO()
    configure = logs.configure
    monkeypatch.setattr(logs, "configure", lambda: configure(stream))
    yield stream.getvalue
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def headers(content_type: str) -> dict[str, str]:
    return {
        "x-words": CANARIES["header"],
        "user-agent": CANARIES["user-agent"],
        "referer": f"https://a.example/{CANARIES['referer']}",
        "cookie": f"session={CANARIES['cookie']}",
        "authorization": f"Bearer {CANARIES['authorization']}",
        "content-type": content_type,
    }


BODIES = [
    ("application/x-www-form-urlencoded", f"text={CANARIES['form']}"),
    ("application/json", json.dumps({"text": CANARIES["json"]})),
    ("application/x-www-form-urlencoded", f"text={CANARIES['form']}%ff"),
    ("application/x-www-form-urlencoded", f"text={CANARIES['form']}" * 3000),
]


@pytest.fixture
def on_lambda() -> Iterator[Callable[[dict[str, Any]], int]]:
    """Give an event to the app behind Lambda's adapter, and return the status."""
    loop = asyncio.new_event_loop()
    handler = Gateway(app(), loop)
    yield lambda event: int(handler(event, None)["statusCode"])
    loop.close()


def status_of(client: httpx.Client, method: str, path: str, **request: Any) -> int:
    """The status of uvicorn's answer, or 0 if it broke off in the middle."""
    try:
        return client.request(method, path, **request).status_code
    except httpx.RemoteProtocolError:
        return 0


def test_nothing_that_a_client_sends_is_logged_but_its_path(
    written: Callable[[], str],
    engine: Engine,
    on_lambda: Callable[[dict[str, Any]], int],
    capfd: pytest.CaptureFixture[str],
) -> None:
    query = f"q={quote(CANARIES['query'])}&{CANARIES['query']}"
    statuses = set()
    with serving.uvicorn(app()) as address, httpx.Client(base_url=address) as client:
        for path in PATHS:
            for content_type, body in BODIES:
                sends = headers(content_type)
                statuses.add(status_of(client, "POST", f"{path}?{query}", headers=sends, content=body.encode()))
                statuses.add(on_lambda(events.http("POST", path, query=query, headers=sends, body=body.encode())))
            statuses.add(status_of(client, "GET", path, headers=headers("text/plain") | {"range": CANARIES["header"]}))
        forged = headers("text/plain") | {"origin": "https://canary-origin.example"}
        statuses.add(status_of(client, "POST", f"/in_the_view/?{query}", headers=forged))
    output = written() + "".join(capfd.readouterr())
    assert statuses >= {0, 200, 400, 403, 404, 413, 415, 500, 503}
    assert output.count("canary-path") > len(PATHS) * len(BODIES)
    for logged in ("the view failed", "the middleware failed", "the stream failed", "IntegrityError", "canary-origin"):
        assert logged in output
    assert [line for line in output.splitlines() if any(canary in line for canary in found_as)] == []


def test_what_the_database_fails_at_does_fail(engine: Engine) -> None:
    """Else the canaries above would be looked for in logs of nothing."""
    failed = set()
    for name, fail in DATABASE.items():
        try:
            fail("a word that is used once")
        except Exception:  # noqa: BLE001 - which one is the database's affair
            failed.add(name)
    lenient = {"too long", "no number", "no moment"} if engine.dialect.name == "sqlite" else set()
    assert failed == set(DATABASE) - lenient
