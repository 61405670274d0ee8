"""In development, what the content security policy blocks is logged, with how to allow it.

Browsers report it to the server by the directive `report-uri` (https://www.w3.org/TR/CSP3/#directive-report-uri), which is
sent at once; `report-to` is sent minutes later.
"""

import json
import logging
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kit.web import body

log = logging.getLogger("kit.web")

VARIABLE = "KIT_POLICY_REPORTS"
"""Set in the environment of the server that `make dev` starts, and nowhere else."""
PATH = "/.kit/policy-reports"
MAX_BYTES = 64 * 1024
EXTENSIONS = ("chrome-extension", "moz-extension", "safari-web-extension")
"""Where a report comes from that is about an extension of the browser, not about the app."""


class PolicyReports:
    """ASGI middleware that adds `report-uri` to each response's policy, and logs the reports, each once."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.logged: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if scope["path"] == PATH and scope["method"] == "POST":
            return await self._log(scope, receive, send)

        async def send_with_address(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if policy := headers.get("content-security-policy"):
                    headers["content-security-policy"] = f"{policy.rstrip('; ')}; report-uri {PATH}"
            await send(message)

        await self.app(scope, receive, send_with_address)

    async def _log(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            report = json.loads(await body.read(Request(scope, receive), MAX_BYTES, "report"))["csp-report"]
            line = describe({str(name): str(value) for name, value in report.items()})
        except (ValueError, TypeError, LookupError, AttributeError):
            return await Response(status_code=400)(scope, receive, send)
        if line and line not in self.logged:
            self.logged.add(line)
            log.warning("%s", line)
        await Response(status_code=204)(scope, receive, send)


def describe(report: dict[str, Any]) -> str:
    """Return a report as a sentence: the directive, what was blocked where, and how to allow it; "" for an extension's."""
    directive = report.get("effective-directive") or report["violated-directive"].partition(" ")[0]
    blocked, page = report["blocked-uri"], report["document-uri"]
    if any(origin in report.get("source-file", "") or origin in blocked for origin in EXTENSIONS):
        return ""
    return f"The content security policy ({directive}) blocked {blocked} on {page}. {_how_to_allow(directive, blocked)}"


def _how_to_allow(directive: str, blocked: str) -> str:
    if directive.endswith("-attr"):
        return "No nonce allows an attribute such as style= or onclick=: use a class, or a script."
    if blocked == "inline" or (directive.startswith("script-src") and "://" in blocked):
        return (
            'To allow it, give its tag the attribute nonce="{{ request.state.csp_nonce }}", '
            'or put it into a file beside the template: {{ inline("page.js") }}.'
        )
    scheme, separator, rest = blocked.partition("://")
    source = (
        f"{scheme}://{rest.partition('/')[0]}" if separator else {"eval": "'unsafe-eval'"}.get(blocked, f"{scheme}:")
    )
    name = directive.removesuffix("-elem")
    return f'To allow it: web.wrap(app, policy=web.allow("{name}", "{source}")).'
