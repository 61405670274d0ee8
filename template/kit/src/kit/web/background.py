"""A warning about background tasks in development: on Lambda, the client waits until they are done."""

import inspect
import logging

from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("kit.web")


class BackgroundTaskWarning:
    """Logs a warning for the first response with a `BackgroundTask`, including FastAPI's `BackgroundTasks`.

    Lambda sends a response when its handler returns, so the task delays it; a job (`kit.jobs`) doesn't. A task behind
    Starlette's `BaseHTTPMiddleware` is not noticed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.warned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watch(message: Message) -> None:
            if not self.warned and message["type"] == "http.response.body" and _background_task():
                self.warned = True
                log.warning(
                    "%s %s has a background task: on Lambda the client waits until it is done. "
                    "Use a job instead, see kit/docs/jobs.md.",
                    scope["method"],
                    scope["path"],
                )
            await send(message)

        await self.app(scope, receive, watch)


def _background_task() -> BackgroundTask | None:
    """Return the task of the response that is being sent. ASGI messages don't have it, so the call stack is searched."""
    frame = inspect.currentframe()
    while frame:
        response = frame.f_locals.get("self")
        if isinstance(response, Response):
            return response.background
        frame = frame.f_back
    return None
