"""The web app as a Lambda function behind API Gateway: the image's default command is `kit.lambda_web.handler`."""

import asyncio
from collections.abc import Callable
from typing import Any

from mangum import Mangum
from starlette import concurrency

from kit import lifespan, start, wiring


async def _here(function: Callable[..., Any], /, *args: Any, **named: Any) -> Any:
    """Call what is not async, with no event loop in sight, as in a thread."""
    loop = asyncio.get_running_loop()
    asyncio._set_running_loop(None)
    try:
        return function(*args, **named)
    finally:
        asyncio._set_running_loop(loop)
        asyncio.set_event_loop(loop)  # which asyncio.run takes away, and Mangum asks for


# An environment answers one request at a time: a thread for what is not async would only cost time.
concurrency.run_in_threadpool = _here  # type: ignore[assignment]

# Mangum would run the app's lifespan on every invocation, so that is off: it has run here, once.
handler = Mangum(lifespan.Started(wiring.load(wiring.WEB_APP)), lifespan="off")

start.done()
