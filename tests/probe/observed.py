"""An app with Sentry, OpenTelemetry and Powertools, set up as docs/lambda.md shows."""

import json
import logging
import os
from pathlib import Path

import sentry_sdk
from aws_lambda_powertools import Logger
from opentelemetry.instrumentation.aws_lambda import AwsLambdaInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from sentry_sdk.envelope import Envelope
from sentry_sdk.integrations.aws_lambda import AwsLambdaIntegration
from sentry_sdk.transport import Transport
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from kit import web

OUTPUT = Path(os.environ["OUTPUT"])


class FileTransport(Transport):
    """Writes each event to a file, as a line of JSON."""

    def capture_envelope(self, envelope: Envelope) -> None:
        if event := envelope.get_event():
            with OUTPUT.joinpath("events").open("a") as file:
                file.write(json.dumps(event, default=str) + "\n")


sentry_sdk.init(dsn="http://key@localhost/1", transport=FileTransport, integrations=[AwsLambdaIntegration()])

provider = TracerProvider()
spans = OUTPUT.joinpath("spans").open("a")
exporter = ConsoleSpanExporter(out=spans, formatter=lambda span: span.to_json(indent=None) + "\n")
provider.add_span_processor(BatchSpanProcessor(exporter))
AwsLambdaInstrumentor().instrument(tracer_provider=provider)

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
