"""The lifespan of an app on Lambda: its startup once, its state in every request, its failure told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mangum import Mangum
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import events
from kit import web
from kit.lifespan import Started, StartupFailed


class Context:
    """What Lambda hands over beside the event."""

    aws_request_id = "1"


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


@pytest.fixture(autouse=True)
def _loop() -> Any:
    """Close the loop that a function would keep for as long as it lives."""
    yield
    loop = asyncio.get_event_loop()
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    asyncio.set_event_loop(None)


def test_the_startup_runs_once_and_its_state_is_in_every_request() -> None:
    journal = Journal()
    handler = Mangum(Started(web.wrap(journal.app)), lifespan="off")
    for _ in range(3):
        answer = handler(events.http(), Context())
        assert answer["body"] == '{"same loop":true,"another\'s state":false}'
    assert journal.lines == ["startup"]


def test_a_failed_startup_lets_no_request_in() -> None:
    with pytest.raises(StartupFailed, match="no database"):
        Started(Journal(fails=True).app)


async def no_lifespan(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        raise ValueError("this app is for HTTP alone")
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def test_an_app_that_knows_no_lifespan_is_served_all_the_same() -> None:
    assert Mangum(Started(no_lifespan), lifespan="off")(events.http(), Context())["statusCode"] == 204
