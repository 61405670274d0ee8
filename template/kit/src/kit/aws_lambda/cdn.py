"""Behind a CDN: only its requests reach the app, with the address, host and scheme of their visitors.

CloudFront sends the origin secret with each request, and what the visitor sent as headers of its own. They are believed
only together with the secret, because anybody else can send such headers to the API's own address.

Source: docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/adding-cloudfront-headers.html
"""

import logging
import os
import socket
import time
from collections.abc import Callable
from secrets import compare_digest
from typing import Any

log = logging.getLogger("kit.aws_lambda.cdn")

SECRET_HEADER = "x-origin-secret"  # noqa: S105 - the name of a header
VARIABLE = "ORIGIN_SECRET_PARAMETER"
"""The variable that names the SSM parameter with the origin secret; set where there is a CDN."""

PAUSE_SECONDS = 60
"""How long not to read the parameter again: many environments share SSM's 40 requests a second."""
ROTATION_SECONDS = 15 * 60
"""How long the secret before is accepted too, because a change takes minutes to reach all of CloudFront's locations."""

Event = dict[str, Any]
Handler = Callable[[Any, Any], Event]

REFUSAL: Event = {
    "statusCode": 403,
    "headers": {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store"},
    "body": "Visitors can't use this address. Open the site at its own.\n",
}


def behind(handler: Handler) -> Handler:
    """Return a handler that refuses what doesn't come from the CDN; without a CDN, the same handler.

    Raises `kit.secrets.SecretUnavailable`.
    """
    parameter = os.environ.get(VARIABLE, "").strip()
    return BehindCdn(handler, OriginSecret(parameter)) if parameter else handler


class OriginSecret:
    """The secret that the CDN sends. Another one is looked for when it doesn't match, but not more often than a minute.

    parameter: the name of the SSM parameter.
    now: the clock, in seconds.
    """

    def __init__(self, parameter: str, now: Callable[[], float] = time.time) -> None:
        from kit import secrets  # without a CDN, and with the database's URL in a variable, a start needs no HTTP

        self.parameter = parameter
        self._now = now
        self._current = secrets.read(parameter)
        self._previous = ""
        self._previous_until = 0.0
        self._read_at = now()

    def matches(self, sent: str) -> bool:
        """Whether this is the secret, also if it was rotated since this environment started."""
        if not sent or self._knows(sent):
            return bool(sent)
        if abs(self._now() - self._read_at) < PAUSE_SECONDS:
            return False
        self._read_again()
        return self._knows(sent)

    def _knows(self, sent: str) -> bool:
        known = [self._current]
        if self._previous and self._now() < self._previous_until:
            known.append(self._previous)
        return any(compare_digest(sent.encode(errors="replace"), each.encode()) for each in known)

    def _read_again(self) -> None:
        from kit import secrets

        self._read_at = self._now()
        try:
            stored = secrets.read_again(self.parameter)
        except secrets.SecretUnavailable as error:
            log.warning("a request came with another origin secret, and the stored one can't be read: %s", error)
            return
        if stored == self._current:
            log.warning("a request came with another origin secret than the one in %s", self.parameter)
            return
        self._previous, self._previous_until = self._current, self._now() + ROTATION_SECONDS
        self._current = stored


class BehindCdn:
    """A Lambda handler that passes on the CDN's requests, as if they came from the visitor, and refuses all others."""

    def __init__(self, handler: Handler, secret: OriginSecret) -> None:
        self.handler = handler
        self.secret = secret

    def __call__(self, event: Any, context: Any) -> Event:
        try:
            headers = {name.lower(): value for name, value in event["headers"].items()}
            request_context, request = event["requestContext"], event["requestContext"]["http"]
        except (AttributeError, KeyError, TypeError):
            return self.handler(event, context)  # which knows how to refuse what is no request
        if not self.secret.matches(headers.pop(SECRET_HEADER, "")):
            return REFUSAL
        if host := headers.get("x-forwarded-host"):
            headers["host"] = host
        if scheme := headers.get("cloudfront-forwarded-proto"):
            headers["x-forwarded-proto"] = scheme
        if address := _ip(headers.get("cloudfront-viewer-address", "")):
            request_context = request_context | {"http": request | {"sourceIp": address}}
        return self.handler(event | {"headers": headers, "requestContext": request_context}, context)


def _ip(address: str) -> str | None:
    """Return the IP address of `198.51.100.10:46532` or `2001:db8::1:46532`; `None` for anything else."""
    host = address.rpartition(":")[0].removeprefix("[").removesuffix("]")
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    except (OSError, ValueError):
        return None
    return host
