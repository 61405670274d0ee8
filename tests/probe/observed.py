"""An app with Sentry and OpenTelemetry, set up as the guides show, and with Powertools, as docs/lambda.md shows."""

import logging

from aws_lambda_powertools import Logger
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from kit import web

logger = Logger(service="observed")
logging.getLogger("observed").propagate = False  # it writes its lines itself


@logger.inject_lambda_context
def inject(event: object, context: object) -> None:
    """Let the logger take its fields from Lambda's context."""


class LambdaContext:
    """Middleware that tells Powertools about each invocation."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if "aws.context" in scope:
            inject(scope["aws.event"], scope["aws.context"])
        await self.app(scope, receive, send)


def hello(request: Request) -> Response:
    """Write a log line."""
    text = f"hello {request.query_params.get('name', 'nobody')}"
    logger.info(text)
    return PlainTextResponse(text)


def fail(request: Request) -> Response:
    """Raise an exception."""
    raise RuntimeError("the inside of the app")


app = web.wrap(LambdaContext(Starlette(routes=[Route("/hello", hello), Route("/fail", fail)])))
