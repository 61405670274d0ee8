"""What every request gets: an id and a log line, safe headers, compression, a same-origin check.

    app = web.wrap(Starlette(routes=[…]))

It wraps any ASGI app from the outside, so that even an answer to a crash has all of it. An app from elsewhere may need
some of it looser, such as styles from files of its own, and another site of yours that sends it forms:

    app = web.wrap(shop, policy="default-src 'self'", origins=["https://admin.example.com"])
"""

import logging
import secrets
from collections.abc import Collection
from time import perf_counter
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kit import logs
from kit.compression import Compressed

log = logging.getLogger("kit.web")


POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The content security policy: nothing but the app's own. `{nonce}` becomes the request's."""


def wrap(app: ASGIApp, *, policy: str = POLICY, origins: Collection[str] = ()) -> ASGIApp:
    """Put the app inside the layers below, and set up the logs.

    `policy` is the content security policy of answers that set none; `origins` are other sites whose pages may send
    requests that change something.
    """
    logs.configure()
    return RequestLog(SafeHeaders(Compressed(SameOrigin(app, origins)), policy))


class RequestLog:
    """Gives each request an id, answers with it in `X-Request-Id`, and logs one line when it is done.

    An exception that reaches it is logged with its traceback; the visitor gets a plain 500 that tells nothing.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        current = _id_of(scope)
        token = logs.request_id.set(current)
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = current
            await send(message)

        begun = perf_counter()
        try:
            await self.app(scope, receive, send_with_id)
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"])
            if not status:
                answer = PlainTextResponse("Something went wrong on our side.", status_code=500)
                await answer(scope, receive, send_with_id)
        finally:
            took = (perf_counter() - begun) * 1000
            fields = {"status": status, "ms": round(took, 1)}
            log.info("%s %s", scope["method"], scope["path"], extra=fields)
            logs.request_id.reset(token)


def _id_of(scope: Scope) -> str:
    """API Gateway's own id, so that its logs and ours can be joined; elsewhere a new one."""
    event = scope.get("aws.event") or {}
    return event.get("requestContext", {}).get("requestId") or secrets.token_hex(8)


class SafeHeaders:
    """Sets the security headers that an answer does not set itself.

    Scripts and styles run only with the request's nonce: `<script nonce="{{ request.state.csp_nonce }}">`.
    """

    def __init__(self, app: ASGIApp, policy: str = POLICY) -> None:
        self.app = app
        self.policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})["csp_nonce"] = nonce
        safe = {
            "content-security-policy": self.policy.replace("{nonce}", nonce),
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
        }
        if scope["scheme"] == "https":
            safe["strict-transport-security"] = "max-age=31536000"

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in safe.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_safely)


class SameOrigin:
    """Refuses a request that changes something when another site's page sent it (CSRF).

    A browser says where a request comes from, so no token and no cookie is needed: `Sec-Fetch-Site` over HTTPS
    and on localhost, `Origin` everywhere. A client that sends neither is no browser and carries no one's cookies.
    Source: OWASP's CSRF cheat sheet, "Fetch Metadata headers".
    """

    def __init__(self, app: ASGIApp, origins: Collection[str] = ()) -> None:
        self.app = app
        self.origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in {"GET", "HEAD", "OPTIONS"}:
            headers = Headers(scope=scope)
            if headers.get("origin") not in self.origins and not same_origin(headers):
                log.warning("refused a forged request", extra={"origin": headers.get("origin")})
                refusal = "This form was sent from another site, so it was not accepted. Open the page and try again."
                return await PlainTextResponse(refusal, status_code=403)(scope, receive, send)
        await self.app(scope, receive, send)


def same_origin(headers: Headers) -> bool:
    """Whether the browser says that the app's own page (or the person) sent this, or no browser did."""
    if site := headers.get("sec-fetch-site"):
        return site in {"same-origin", "none"}
    if origin := headers.get("origin"):
        return urlsplit(origin).netloc == headers.get("host")
    return True
