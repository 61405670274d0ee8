"""With JOBS=local, jobs wait until a worker runs; a server that only enqueues says so when it starts."""

import logging
import os

from starlette.types import ASGIApp, Receive, Scope, Send

from kit import settings

log = logging.getLogger("kit.jobs")

VARIABLE = "KIT_WORKER"
"""Set in the environment of a server that was started together with a worker."""


class WorkerNotice:
    """ASGI middleware that logs it once, at the start of the lifespan, which every server sends."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" and settings.current().jobs == "local" and VARIABLE not in os.environ:
            log.warning(
                "This server runs no jobs (JOBS=local): they wait in the database for a worker. "
                "Start one: ./uvw run python -m kit jobs worker"
            )
        await self.app(scope, receive, send)
