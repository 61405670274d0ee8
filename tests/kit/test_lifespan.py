"""The lifespan of an app on Lambda: one startup, its state in every request, and its failure."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

import events
from kit import web
from kit.aws_lambda.apigateway import Gateway
from kit.aws_lambda.lifespan import Started, StartupFailed


class Journal:
    """An app that records its lifespan, whose state belongs to the event loop."""

    def __init__(self, fails: bool = False) -> None:
        self.lines: list[str] = []
        self.fails = fails
        self.app = Starlette(routes=[Route("/", self.answer)], lifespan=self.lifespan)

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[dict[str, Any]]:
        self.lines.append("startup")
        if self.fails:
            raise ConnectionError("no database")
        yield {"lock": asyncio.Lock(), "loop": asyncio.get_running_loop()}
        self.lines.append("shutdown")

    async def answer(self, request: Request) -> JSONResponse:
        async with request.state.lock:
            same = request.state.loop is asyncio.get_running_loop()
        seen = getattr(request.state, "seen", False)
        request.state.seen = True
        return JSONResponse({"same loop": same, "another's state": seen})


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that is closed at the end of the test."""
    loop = asyncio.new_event_loop()
    yield loop
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def served(app: ASGIApp, loop: asyncio.AbstractEventLoop) -> Gateway:
    """The app as `kit.aws_lambda.web` serves it."""
    return Gateway(Started(app, loop), loop)


def test_the_startup_runs_once_and_its_state_is_in_every_request(loop: asyncio.AbstractEventLoop) -> None:
    journal = Journal()
    handler = served(web.wrap(journal.app), loop)
    for _ in range(3):
        answer = handler(events.http(), None)
        assert answer["body"] == '{"same loop":true,"another\'s state":false}'
    assert journal.lines == ["startup"]


def test_a_failed_startup_is_an_error(loop: asyncio.AbstractEventLoop) -> None:
    with pytest.raises(StartupFailed, match="no database"):
        Started(Journal(fails=True).app, loop)


def test_an_app_gets_the_lifespan_scope_and_the_startup_and_then_waits(loop: asyncio.AbstractEventLoop) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend((dict(scope), await receive()))
        scope["state"]["opened"] = True
        await send({"type": "lifespan.startup.complete"})
        seen.append(await receive())

    started = Started(app, loop)
    loop.run_until_complete(asyncio.sleep(0))
    assert seen == [
        {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {"opened": True}},
        {"type": "lifespan.startup"},
    ]
    assert not started.lifespan.done()
    assert started.state == {"opened": True}


@pytest.mark.parametrize(
    ("message", "error"),
    [({"message": "no database"}, "^no database$"), ({"message": ""}, "startup failed"), ({}, "startup failed")],
)
def test_the_error_has_the_startups_message(
    loop: asyncio.AbstractEventLoop, message: dict[str, str], error: str
) -> None:
    ended: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed"} | message)
        try:
            await receive()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    with pytest.raises(StartupFailed, match=error):
        Started(app, loop)
    loop.run_until_complete(asyncio.sleep(0))
    assert ended == ["cancelled"]


def test_only_the_first_message_of_a_startup_counts(loop: asyncio.AbstractEventLoop) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.startup.failed"})

    Started(app, loop)


async def no_lifespan(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        raise ValueError("this app is for HTTP alone")
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def test_an_app_without_lifespan_support_is_served(loop: asyncio.AbstractEventLoop) -> None:
    assert served(no_lifespan, loop)(events.http(), None)["statusCode"] == 204


def test_missing_lifespan_support_is_logged_at_debug_level(
    loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG", "kit.aws_lambda.lifespan"):
        Started(no_lifespan, loop)
    assert caplog.messages == ["the app does not support lifespans: ValueError('this app is for HTTP alone')"]


def test_an_app_whose_lifespan_returns_at_once_is_served(
    loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await no_lifespan(scope, receive, send)

    with caplog.at_level("DEBUG", "kit.aws_lambda.lifespan"):
        assert served(app, loop)(events.http(), None)["statusCode"] == 204
    assert caplog.messages == []
