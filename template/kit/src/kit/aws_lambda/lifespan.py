"""An ASGI app's lifespan on Lambda: its startup runs once in each environment, before the first request.

What the startup opens stays open between requests, on one event loop. The shutdown never runs, because Lambda does not
announce the end of an environment. Source: asgi.readthedocs.io/en/latest/specs/lifespan.html
"""

import asyncio
import logging
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("kit.aws_lambda.lifespan")


class StartupFailed(RuntimeError):
    """The app reported that its startup failed, so it gets no requests."""


class Started:
    """An app whose startup has run. Each request gets a copy of the lifespan's state.

    Creating it raises `StartupFailed`. An app that raises because it does not support lifespans is served without.
    """

    def __init__(self, app: ASGIApp, loop: asyncio.AbstractEventLoop) -> None:
        self.app = app
        self.state: dict[str, Any] = {}
        self.lifespan = loop.run_until_complete(self._start())
        """The task waits for a shutdown that never comes. It is kept here, because asyncio only keeps weak references."""

    async def _start(self) -> asyncio.Future[None]:
        outcome: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        received = False

        async def receive() -> Message:
            nonlocal received
            if received:
                await asyncio.Event().wait()
            received = True
            return {"type": "lifespan.startup"}

        async def send(message: Message) -> None:
            if not outcome.done():
                outcome.set_result(message)

        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        lifespan = asyncio.ensure_future(self.app(scope, receive, send))
        either: set[asyncio.Future[Any]] = {lifespan, outcome}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if outcome.done() and outcome.result()["type"] == "lifespan.startup.failed":
            lifespan.cancel()
            raise StartupFailed(outcome.result().get("message") or "The app's startup failed.")
        if lifespan.done() and (error := lifespan.exception()):
            log.debug("the app does not support lifespans: %r", error)
        return lifespan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = self.state.copy()
        await self.app(scope, receive, send)
