"""An ASGI app's lifespan on Lambda: its startup runs once in each environment, before the first request.

What it opens stays open from one request to the next, on one event loop. Lambda tells no environment that it ends, so
a shutdown never runs. Source: asgi.readthedocs.io/en/latest/specs/lifespan.html
"""

import asyncio
import logging
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("kit.aws_lambda.lifespan")


class StartupFailed(RuntimeError):
    """The app said that it cannot start, so that no request may reach it."""


class Started:
    """An app whose startup has run; what that left as the lifespan's state is in each request's.

    Raises `StartupFailed`. An app that knows no lifespan raises what it likes, and is served without.
    """

    def __init__(self, app: ASGIApp, loop: asyncio.AbstractEventLoop) -> None:
        self.app = app
        self.state: dict[str, Any] = {}
        self.lifespan = loop.run_until_complete(self._start())
        """It waits for an end that is never told; kept, because a task that nobody holds may be thrown away."""

    async def _start(self) -> asyncio.Future[None]:
        told: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        asked = False

        async def receive() -> Message:
            nonlocal asked
            if asked:
                await asyncio.Event().wait()
            asked = True
            return {"type": "lifespan.startup"}

        async def send(message: Message) -> None:
            if not told.done():
                told.set_result(message)

        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        lifespan = asyncio.ensure_future(self.app(scope, receive, send))
        first: set[asyncio.Future[Any]] = {lifespan, told}
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if told.done() and told.result()["type"] == "lifespan.startup.failed":
            lifespan.cancel()
            raise StartupFailed(told.result().get("message") or "The app's startup failed.")
        if lifespan.done() and (error := lifespan.exception()):
            log.debug("the app knows no lifespan: %r", error)
        return lifespan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = self.state.copy()
        await self.app(scope, receive, send)
