"""The lifespan of an app on Lambda: its startup once, its state in every request, its failure told."""

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
from kit.gateway import Gateway
from kit.lifespan import Started, StartupFailed


class Journal:
    """An app whose lifespan opens something that belongs to the event loop, and writes down what happens."""

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
    """A loop that is closed in the end, which a function would keep for as long as it lives."""
    made = asyncio.new_event_loop()
    yield made
    for task in asyncio.all_tasks(made):
        task.cancel()
    made.run_until_complete(asyncio.sleep(0))
    made.close()


def served(app: ASGIApp, loop: asyncio.AbstractEventLoop) -> Gateway:
    """The app as `kit.lambda_web` serves it."""
    return Gateway(Started(app, loop), loop)


def test_the_startup_runs_once_and_its_state_is_in_every_request(loop: asyncio.AbstractEventLoop) -> None:
    journal = Journal()
    handler = served(web.wrap(journal.app), loop)
    for _ in range(3):
        answer = handler(events.http(), None)
        assert answer["body"] == '{"same loop":true,"another\'s state":false}'
    assert journal.lines == ["startup"]


def test_a_failed_startup_lets_no_request_in(loop: asyncio.AbstractEventLoop) -> None:
    with pytest.raises(StartupFailed, match="no database"):
        Started(Journal(fails=True).app, loop)


async def no_lifespan(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        raise ValueError("this app is for HTTP alone")
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def test_an_app_that_knows_no_lifespan_is_served_all_the_same(loop: asyncio.AbstractEventLoop) -> None:
    assert served(no_lifespan, loop)(events.http(), None)["statusCode"] == 204
