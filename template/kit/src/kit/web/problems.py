"""Errors for programs: a client that asks for JSON gets a problem document instead of a page (RFC 9457)."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from kit.web import body

__all__ = ["MAX_BYTES", "read_json", "response", "wants_json"]

MAX_BYTES = 1024 * 1024
"""The largest body that `read_json` accepts, in bytes."""


def wants_json(headers: Headers) -> bool:
    """Whether a client prefers JSON to HTML: by its `Accept` header, or else because it has sent JSON.

    `Accept: */*` says nothing; a browser sends it for images.
    """
    accepted = {"json": 0.0, "html": 0.0}
    for item in ",".join(headers.getlist("accept")).split(","):
        media_type, *parameters = (part.strip().lower() for part in item.split(";"))
        kind = "json" if _is_json(media_type) else "html" if media_type in _HTML else ""
        if kind:
            accepted[kind] = max(accepted[kind], _weight(parameters))
    if any(accepted.values()):
        return accepted["json"] > accepted["html"]
    return _is_json(headers.get("content-type", "").partition(";")[0].strip().lower())


def response(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return a problem document: `{"type": "about:blank", "title": "Not Found", "status": 404, "detail": …}`.

    detail: what is wrong with this request, for the person who reads the client's log.

    Example: `return problems.response(422, "The text is empty.")`
    """
    try:
        title = HTTPStatus(status).phrase
    except ValueError:
        title = "Error"
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JSONResponse(content, status, headers, media_type="application/problem+json")


async def read_json(request: Request) -> Any:
    """Return the value of a JSON body.

    Raises `HTTPException`: 415 for another content type, 413 over `MAX_BYTES`, 400 for a body that is not JSON.

    Example: `order = await problems.read_json(request)`
    """
    if not _is_json(request.headers.get("content-type", "").partition(";")[0].strip().lower()):
        raise HTTPException(415, "Expected JSON (application/json).")
    content = await body.read(request, MAX_BYTES, "body")
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise HTTPException(400, "The body is not valid JSON.") from None


_HTML = {"text/html", "application/xhtml+xml"}


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
