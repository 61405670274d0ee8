"""For every request: an id, a log line, security headers, compression, and a same-origin check.

    app = web.wrap(Starlette(routes=[…]))

The layers are outside of the app, so that they apply to the response to a crash as well. An existing app may need a
looser policy, for example for styles from its own files, or accept forms from another site:

    app = web.wrap(shop, policy="default-src 'self'", origins=["https://admin.example.com"])

A log line has a request's method and path, cut if they are long, and nothing else that the client sent.
"""

import asyncio
import hashlib
import logging
import os
import re
import secrets
from collections.abc import Collection
from time import perf_counter

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kit import logs, settings
from kit.web import caching, problems
from kit.web.asgi import RESTART, check_headers
from kit.web.compression import Compression
from kit.web.policy import POLICY, PolicyState

log = logging.getLogger("kit.web")


def wrap(app: ASGIApp, *, policy: str = POLICY, origins: Collection[str] = ()) -> ASGIApp:
    """Wrap an ASGI app in the layers of this module, and configure logging.

    policy: the content security policy of responses that set none.
    origins: other sites whose pages may send requests with unsafe methods, such as `["https://admin.example.com"]`.

    Raises `TypeError` or `ValueError` if `origins` are not origins.

    Example: `app = web.wrap(Starlette(routes=[Route("/", home)]))`
    """
    logs.configure()
    if settings.on_lambda():
        return _layers(app, policy, origins)
    # Imported here, because Lambda has no use for these warnings and starts faster without them.
    from kit.web import policy_reports
    from kit.web.background import BackgroundTaskWarning
    from kit.web.worker_notice import WorkerNotice

    app = _layers(WorkerNotice(BackgroundTaskWarning(app)), policy, origins)
    return policy_reports.PolicyReports(app) if policy_reports.VARIABLE in os.environ else app


def _layers(app: ASGIApp, policy: str, origins: Collection[str]) -> ASGIApp:
    return SafeHeaders(RequestLog(Compression(SameOrigin(app, origins))), policy)


_DEFAULTS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_HTTPS_DEFAULTS = (*_DEFAULTS, (b"strict-transport-security", b"max-age=31536000"))


class SafeHeaders:
    """Sets the security headers that a response doesn't set itself, and `Cache-Control`: see `kit.web.caching`.

    Scripts and inline styles need the request's nonce: `<script nonce="{{ request.state.csp_nonce }}">`. A response that
    a CDN may keep has none, so that a page with it is made private.
    """

    def __init__(self, app: ASGIApp, policy: str = POLICY) -> None:
        self.app = app
        policy = " ".join(policy.split())  # a header has no line breaks
        self.policy = policy.split("'nonce-{nonce}'")
        self.warned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        state = scope["state"] = PolicyState(scope.get("state", ()))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                shared = self._settle(scope, headers, state)
                present = {name.lower() for name, _ in headers.raw}
                if b"content-security-policy" not in present:
                    policy = state.sources(nonce=not shared).join(self.policy)
                    headers.raw.append((b"content-security-policy", policy.encode("latin-1")))
                defaults = _HTTPS_DEFAULTS if scope["scheme"] == "https" else _DEFAULTS
                headers.raw.extend(default for default in defaults if default[0] not in present)
            await send(message)

        await self.app(scope, receive, send_with_headers)

    def _settle(self, scope: Scope, headers: MutableHeaders, state: PolicyState) -> bool:
        """Return whether a CDN may keep the response."""
        if not caching.settle(scope, headers):
            return False
        if not state.has_nonce() and "'nonce-" not in headers.get("content-security-policy", ""):
            return True
        if not self.warned and caching.says_shared(headers):
            self.warned = True
            log.warning(
                "%s is public and has a nonce, which others must not see, so it is made private. "
                'Inline its scripts and styles from files instead: {{ inline("page.js") }}, see kit/docs/web.md.',
                _line(scope),
            )
        caching.make_private(headers)
        return False


class RequestLog:
    """Gives each request an id, returns it in `X-Request-Id`, and logs one line when the response is complete.

    If the app fails, its traceback is logged, and the client gets a plain 500 without details. This includes a failure
    in the middle of a response, if the server has sent nothing of it yet. `SystemExit` is a failure like any other, and
    so is `CancelledError`, unless this request itself is being cancelled.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        current = _id_of(scope)
        token = logs.request_id.set(current)
        status = 0
        complete = False

        async def send_with_id(message: Message) -> None:
            nonlocal status, complete
            if message["type"] == "http.response.start":
                check_headers(message["headers"])
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = current
            elif message["type"] == "http.response.body":
                complete = not message.get("more_body", False)
            await send(message)

        start = perf_counter()
        restartable = RESTART in scope.get("extensions", {})
        try:
            try:
                await self.app(scope, receive, send_with_id)
            except (Exception, SystemExit, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and _cancelled():
                    raise
                log.exception("%s failed", _line(scope))
            else:
                if not status or (restartable and not complete):
                    log.error("%s returned without completing its response", _line(scope))
            if restartable and not complete:
                await send({"type": RESTART})
                status = 0
            if not status:
                await _plain(scope, 500, "Something went wrong on our side.")(scope, receive, send_with_id)
        finally:
            fields = {"status": status, "ms": round((perf_counter() - start) * 1000, 1)}
            log.info("%s", _line(scope), extra=fields)
            logs.request_id.reset(token)


def _line(scope: Scope) -> str:
    """The request's method and path for a log line."""
    return logs.cut(f"{scope['method']} {scope['path']}")


def _plain(scope: Scope, status: int, message: str) -> Response:
    """The response of a layer, which has no pages."""
    if problems.wants_json(Headers(scope=scope)):
        return problems.response(status, message)
    return PlainTextResponse(message, status)


def _id_of(scope: Scope) -> str:
    """API Gateway's id of the request, so that its logs and ours can be joined; elsewhere a new one."""
    event = scope.get("aws.event") or {}
    return event.get("requestContext", {}).get("requestId") or secrets.token_hex(8)


def _cancelled() -> bool:
    """Whether the current task was cancelled from outside of the app."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class SameOrigin:
    """Refuses requests with unsafe methods (CSRF) and WebSockets that another site's page has sent.

    Browsers send where a request comes from, so neither a token nor a cookie is needed: `Sec-Fetch-Site` over HTTPS
    and on localhost, `Origin` everywhere. A client that sends neither is not a browser with somebody's cookies.
    Source: OWASP's CSRF cheat sheet, "Fetch Metadata headers".

    Raises `TypeError` if `origins` is a string, and `ValueError` if one of them is not an origin.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str] = ()) -> None:
        self.app = app
        self.origins = _origins(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" or (
            scope["type"] == "http" and scope["method"] not in {"GET", "HEAD", "OPTIONS"}
        ):
            headers = Headers(scope=scope)
            if headers.get("origin") not in self.origins and not same_origin(headers):
                log.warning("refused a cross-site request", extra={"origin": logs.cut(headers.get("origin", ""))})
                if scope["type"] == "websocket":
                    return await send({"type": "websocket.close", "code": 1008})
                refusal = "Cross-site request refused. Open this site in the browser and try again."
                return await _plain(scope, 403, refusal)(scope, receive, send)
        await self.app(scope, receive, send)


def _origins(origins: Collection[str]) -> frozenset[str]:
    if isinstance(origins, str | bytes):
        raise TypeError(f"origins takes a list, not a string. Write it as [{origins!r}].")
    for origin in origins:
        if not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#\s]+", origin):
            raise ValueError(f"{origin!r} is not an origin. Write it as https://admin.example.com, without a path.")
    return frozenset(origins)


def same_origin(headers: Headers) -> bool:
    """Whether the app's own page, the user, or a client that is not a browser has sent this."""
    if (site := headers.get("sec-fetch-site")) is not None:
        return site in {"same-origin", "none"}
    if (origin := headers.get("origin")) is not None:
        host = origin.partition("://")[2]
        return host != "" and host == headers.get("host")
    return True


_ETAG = re.compile(r'"[^"]*"')
"""An entity tag without `W/`: `If-None-Match` compares weakly (RFC 9110, section 13.1.2)."""

_KEPT_BY_304 = {b"cache-control", b"content-location", b"date", b"etag", b"expires", b"set-cookie", b"vary"}
"""The headers that a 304 keeps (RFC 9110, section 15.4.5), and cookies."""


def conditional(request: Request, response: Response) -> Response:
    """Add an `ETag` to the response to a GET, or return a 304 if the client has the same response already.

    response: a 200 that is not streamed. If it has an `ETag`, it keeps that.

    Example: `return web.conditional(request, pages.TemplateResponse(request, "messages.html", {…}))`
    """
    # Weak, because the same response may be sent compressed or not.
    etag = response.headers.setdefault("etag", f'W/"{hashlib.sha256(bytes(response.body)).hexdigest()[:32]}"')
    known = ",".join(request.headers.getlist("if-none-match"))
    if known.strip() != "*" and etag.removeprefix("W/") not in _ETAG.findall(known):
        return response
    unchanged = Response(status_code=304)
    unchanged.raw_headers += [header for header in response.raw_headers if header[0] in _KEPT_BY_304]
    return unchanged
