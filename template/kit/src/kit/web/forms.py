"""Reading a posted form, strictly: what is too large or not UTF-8 is refused with a sentence."""

from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

__all__ = ["MAX_BYTES", "read"]

MAX_BYTES = 64 * 1024
"""The largest body that `read` accepts, in bytes."""


async def read(request: Request) -> dict[str, str]:
    """Give the fields of a URL-encoded form, the last of each name.

    Raises `HTTPException` 413 over `MAX_BYTES`, 415 for another kind of body, 400 when the bytes are not UTF-8.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(415, "This address takes a form (application/x-www-form-urlencoded).")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise HTTPException(413, f"That form is too large: {MAX_BYTES // 1024} KB is the most it can be.")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=100))
    except UnicodeDecodeError:
        raise HTTPException(400, "The text is not valid UTF-8, so it cannot be kept as it was meant.") from None
    except ValueError:
        raise HTTPException(400, "The form cannot be read: it has too many fields.") from None
