"""Who may keep a response: a CDN, for everybody, or the client's own browser alone.

An app says so in `Cache-Control`, and a CDN keeps what it may. What this module adds is never to let others see what is
one client's: such a response is private, whatever the app says. A response without the header is private too. CloudFront
would send it to everybody who asks for the same at that moment.

Source: docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html,
"Simultaneous requests for the same object (request collapsing)"
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Scope

SESSION_COOKIES = frozenset({"session", "__Host-session"})
"""The cookies of `kit.web.sessions`."""

_DIRECTIVE = re.compile(r'([\w-]+)\s*(?:=\s*("[^"]*"|[^\s,]*))?')
_SHARED = {"public", "private", "s-maxage", "proxy-revalidate", "stale-while-revalidate", "stale-if-error"}
"""The directives that a private response loses. What is stale may be what the client has just changed."""
_IN_KEY = {"", "accept-encoding", "cookie"}
"""What of `Vary` a CDN knows: it ignores the header, and has these in its key, of cookies those of the session."""


def settle(scope: Scope, headers: MutableHeaders) -> bool:
    """Make a response private if others must not see it; return whether a shared cache may keep it.

    headers: those of the response.
    """
    directives = _directives(headers)
    if "no-store" in directives or directives.get("private") == "":
        return False
    if not directives or _is_personal(Headers(scope=scope), headers):
        make_private(headers)
        return False
    return True


def make_private(headers: MutableHeaders) -> None:
    """Let nobody but the client keep a response, and leave how long it may."""
    directives = _directives(headers).items()
    kept = [f"{name}={argument}" if argument else name for name, argument in directives if name not in _SHARED]
    headers["cache-control"] = ", ".join(["private", *kept])


def says_shared(headers: Headers) -> bool:
    """Whether the app wants a response to be shared, and not only allows it."""
    return not _directives(headers).keys().isdisjoint({"public", "s-maxage"})


def _directives(headers: Headers) -> Mapping[str, str]:
    return _parsed(", ".join(headers.getlist("cache-control")))


@lru_cache
def _parsed(cache_control: str) -> Mapping[str, str]:
    return {name.lower(): argument for name, argument in _DIRECTIVE.findall(cache_control)}


def _is_personal(request: Headers, response: Headers) -> bool:
    if "set-cookie" in response or "authorization" in request:
        return True
    varies = {name.strip().lower() for name in ",".join(response.getlist("vary")).split(",")}
    cookies = {pair.partition("=")[0].strip() for pair in ";".join(request.getlist("cookie")).split(";")} - {""}
    return bool(varies - _IN_KEY or ("cookie" in varies and cookies) or cookies & SESSION_COOKIES)
