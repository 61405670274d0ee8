"""The web app as a Lambda function behind API Gateway; the image's default command is `kit.aws_lambda.web.handler`."""

import asyncio
from typing import Any

from kit import references
from kit.aws_lambda import apigateway, bootstrap, cdn, lifespan


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Answer one HTTP request."""
    return _handler(event, context)


# The app is imported after `handler` is defined, so that it may wrap it, as OpenTelemetry's instrumentation does.
_loop = asyncio.new_event_loop()
_gateway = apigateway.Gateway(lifespan.Started(references.load(references.WEB_APP), _loop), _loop)
_handler = cdn.behind(_gateway)

bootstrap.import_complete()
