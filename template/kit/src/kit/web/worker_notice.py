"""A warning from a server that runs no jobs: with JOBS=local, they wait until somebody runs a worker."""

import logging
import os

from starlette.types import ASGIApp, Receive, Scope, Send

from kit import settings

log = logging.getLogger("kit.jobs")

VARIABLE = "KIT_WORKER"
"""Set in the environment of a server that has a worker beside it."""


class WorkerNotice:
    """Logs the warning once, at the lifespan's start, which every server sends."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" and settings.current().jobs == "local" and VARIABLE not in os.environ:
            log.warning(
                "This server runs no jobs (JOBS=local): they wait in the database for a worker. "
                "Run one beside it: python -m kit jobs worker"
            )
        await self.app(scope, receive, send)
