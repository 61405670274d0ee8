"""The web app as a Lambda function behind API Gateway: the image's default command is `kit.aws_lambda.web.handler`."""

import asyncio
from collections.abc import Callable
from typing import Any

from starlette import concurrency

from kit import references
from kit.aws_lambda import apigateway, bootstrap, lifespan


async def _here(function: Callable[..., Any], /, *args: Any, **named: Any) -> Any:
    """Call what is not async, with no event loop in sight, as in a thread."""
    loop = asyncio.get_running_loop()
    asyncio._set_running_loop(None)
    try:
        return function(*args, **named)
    finally:
        asyncio._set_running_loop(loop)


# An environment answers one request at a time: a thread for what is not async would only cost time.
concurrency.run_in_threadpool = _here  # type: ignore[assignment]

loop = asyncio.new_event_loop()
handler = apigateway.Gateway(lifespan.Started(references.load(references.WEB_APP), loop), loop)

bootstrap.done()
