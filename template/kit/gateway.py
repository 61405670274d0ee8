"""An ASGI app behind API Gateway: each event is a request, and what the app sends is the answer to it.

    handler = Gateway(app, asyncio.new_event_loop())

It takes payload format 2.0, which HTTP APIs send, and the URLs of functions too.
Source: docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Scope


class UnknownEvent(ValueError):
    """The function was called with something that is no request of an HTTP API."""


class Gateway:
    """Lambda's handler for an app: one request at a time, each on the same event loop."""

    def __init__(self, app: ASGIApp, loop: asyncio.AbstractEventLoop) -> None:
        self.app = app
        self.loop = loop

    def __call__(self, event: Any, context: object) -> dict[str, Any]:
        """Answer one request; raises `UnknownEvent`."""
        scope = _scope(event, context)
        exchange = _Exchange(_body(event))
        self.loop.run_until_complete(self.app(scope, exchange.receive, exchange.send))
        return exchange.answer()


def _scope(event: Any, context: object) -> Scope:
    try:
        http, headers = event["requestContext"]["http"], event["headers"]
    except (KeyError, TypeError):
        keys = ", ".join(sorted(event)) if isinstance(event, dict) else type(event).__name__
        raise UnknownEvent(
            "The web function takes requests of an HTTP API in payload format 2.0, not an event with: "
            f"{keys}. Is it behind the right trigger? Jobs go to kit.lambda_jobs.handler."
        ) from None
    if cookies := event.get("cookies"):
        headers = headers | {"cookie": "; ".join(cookies)}
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": http["method"],
        "scheme": headers.get("x-forwarded-proto", "https"),
        "path": unquote(http["path"]) or "/",
        "raw_path": None,
        "query_string": event.get("rawQueryString", "").encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": (http["sourceIp"], 0),
        "server": (event["requestContext"].get("domainName", "localhost"), 443),
        "aws.event": event,
        "aws.context": context,
    }


def _body(event: Any) -> bytes:
    body = event.get("body") or ""
    return b64decode(body) if event.get("isBase64Encoded") else body.encode()


class _Exchange:
    """One request, handed over whole, and what was sent upon it."""

    def __init__(self, body: bytes) -> None:
        self.request: Message | None = {"type": "http.request", "body": body, "more_body": False}
        self.start: Message | None = None
        self.parts: list[bytes] = []
        self.ended = False

    async def receive(self) -> Message:
        """Give the request; after that, news of the visitor's leaving, which never come."""
        if (request := self.request) is None:
            await asyncio.Event().wait()
        self.request = None
        return request  # type: ignore[return-value]

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        elif message["type"] == "http.response.body":
            self.parts.append(message.get("body", b""))
            self.ended = not message.get("more_body", False)

    def answer(self) -> dict[str, Any]:
        """The answer as API Gateway takes it; one that was broken off in the middle becomes a 500."""
        if not (self.start and self.ended):
            return {"statusCode": 500, "headers": {"content-type": "text/plain"}, "body": "Internal Server Error"}
        headers, cookies = _headers(self.start.get("headers", ()))
        body = b"".join(self.parts)
        text = None if "content-encoding" in headers else _text(body)
        return {
            "statusCode": self.start["status"],
            "headers": headers,
            "cookies": cookies,
            "isBase64Encoded": text is None,
            "body": b64encode(body).decode() if text is None else text,
        }


def _headers(sent: Iterable[tuple[bytes, bytes]]) -> tuple[dict[str, str], list[str]]:
    """One line for each header, and cookies by themselves."""
    headers: dict[str, str] = {}
    cookies = []
    for raw_name, raw_value in sent:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name == "set-cookie":
            cookies.append(value)
        else:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers, cookies


def _text(body: bytes) -> str | None:
    """The body as text, if that is what its bytes are."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
