"""The API Gateway adapter: runs an ASGI app behind Lambda's HTTP events.

    handler = Gateway(app, asyncio.new_event_loop())

It takes payload format 2.0, which API Gateway's HTTP APIs and function URLs send. An app gets the same request as under
uvicorn, except for what a gateway does not pass on; see docs/lambda.md of the template.

Source: docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
and docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

import asyncio
import logging
from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, unquote

from starlette.types import ASGIApp, Message, Scope

from kit.web.asgi import RESTART, check_headers

log = logging.getLogger("kit.aws_lambda.apigateway")

_PATH_CHARACTERS = "/-._~!$&'()*+,;=:@"
"""What a path may hold unencoded (RFC 3986, section 3.3)."""


class UnknownEvent(ValueError):
    """The function was invoked with something other than an HTTP request."""


class Gateway:
    """The Lambda handler of an ASGI app: one request at a time, each on the same event loop.

    An app that fails or returns without a response is answered with a plain 500 and logged, as uvicorn does.
    `SystemExit` and `CancelledError` are failures too: they must not end the Lambda environment.
    """

    def __init__(self, app: ASGIApp, loop: asyncio.AbstractEventLoop) -> None:
        self.app = app
        self.loop = loop

    def __call__(self, event: Any, context: object) -> dict[str, Any]:
        """Answer one request; raises `UnknownEvent`."""
        scope = _scope(event, context)
        exchange = _Exchange(scope["method"], _body(event))
        self.loop.run_until_complete(self._run(scope, exchange))
        return exchange.response()

    async def _run(self, scope: Scope, exchange: "_Exchange") -> None:
        try:
            await self.app(scope, exchange.receive, exchange.send)
        except (Exception, SystemExit, asyncio.CancelledError):
            log.exception("the app failed")


def _scope(event: Any, context: object) -> Scope:
    try:
        request, raw_path = event["requestContext"]["http"], event["rawPath"]
        headers = {name.lower(): value for name, value in event["headers"].items()}
    except (AttributeError, KeyError, TypeError):
        keys = ", ".join(sorted(event)) if isinstance(event, dict) else type(event).__name__
        raise UnknownEvent(
            "The web function takes requests of an HTTP API in payload format 2.0, not an event with: "
            f"{keys}. Is it behind the right trigger? Jobs go to kit.aws_lambda.jobs.handler."
        ) from None
    if cookies := event.get("cookies"):
        headers.setdefault("cookie", "; ".join(cookies))  # a function URL's event has the header as well
    domain = event["requestContext"].get("domainName", "localhost")
    path, raw_path = _paths(raw_path, encoded=".lambda-url." in domain)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request["method"],
        "scheme": "http" if headers.get("x-forwarded-proto") == "http" else "https",
        "path": path,
        "raw_path": raw_path,
        "query_string": _bytes(event.get("rawQueryString", "")),
        "root_path": "",
        "headers": [(_bytes(name), _bytes(value)) for name, value in headers.items()],
        "client": (request["sourceIp"], 0),
        "server": (domain, 443),
        "extensions": {RESTART: {}},
        "aws.event": event,
        "aws.context": context,
    }


def _paths(raw_path: str, *, encoded: bool) -> tuple[str, bytes]:
    """Return ASGI's `path` and a `raw_path` that decodes to it.

    An HTTP API has decoded `rawPath` already; a function URL's is as the client sent it.
    Source: captured events, github.com/hotsock/voker, vokerhttp/testdata.
    """
    if encoded:
        return unquote(raw_path), _bytes(raw_path)
    return raw_path or "/", quote(raw_path or "/", _PATH_CHARACTERS, errors="replace").encode()


def _bytes(text: str) -> bytes:
    return text.encode(errors="replace")


def _body(event: Any) -> bytes:
    body = event.get("body") or ""
    return b64decode(body) if event.get("isBase64Encoded") else _bytes(body)


class _Exchange:
    """One request, handed over whole, and the response to it, collected until it is complete."""

    def __init__(self, method: str, body: bytes) -> None:
        self.method = method
        self.request: Message | None = {"type": "http.request", "body": body, "more_body": False}
        self.start: Message | None = None
        self.parts: list[bytes] = []
        self.complete = asyncio.Event()

    async def receive(self) -> Message:
        """Return the request; then, once the response is complete, a disconnect, as uvicorn does."""
        if (request := self.request) is None:
            await self.complete.wait()
            return {"type": "http.disconnect"}
        self.request = None
        return request

    async def send(self, message: Message) -> None:
        match message["type"]:
            case "http.response.start" if self.start is None:
                check_headers(message.get("headers", ()))
                self.start = message
            case "http.response.body" if self.start and not self.complete.is_set():
                self.parts.append(message.get("body", b""))
                if not message.get("more_body", False):
                    self.complete.set()
            case kind if kind == RESTART and not self.complete.is_set():
                self.start, self.parts = None, []
            case kind:
                raise RuntimeError(f"Unexpected ASGI message {kind!r}.")

    def response(self) -> dict[str, Any]:
        """Return the response as API Gateway takes it; one that is not complete becomes a 500."""
        if not (self.start and self.complete.is_set()):
            return {
                "statusCode": 500,
                "headers": {"content-type": "text/plain; charset=utf-8"},
                "body": "Internal Server Error",
            }
        status = self.start["status"]
        headers, cookies = _headers(self.start.get("headers", ()))
        # RFC 9110, section 6.4.1: these have headers about a body, and no body.
        body = b"" if self.method == "HEAD" or status in {204, 304} else b"".join(self.parts)
        text = None if "content-encoding" in headers else _text(body)
        return {
            "statusCode": status,
            "headers": headers,
            "cookies": cookies,
            "isBase64Encoded": text is None,
            "body": b64encode(body).decode() if text is None else text,
        }


def _headers(sent: Iterable[tuple[bytes, bytes]]) -> tuple[dict[str, str], list[str]]:
    """Join repeated headers, and set cookies apart."""
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
    """Return the body as text, or `None` if its bytes are not UTF-8."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
