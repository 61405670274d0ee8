"""Read a posted form strictly: too large or not UTF-8 is an error with an explanation."""

from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from kit.web import body

__all__ = ["MAX_BYTES", "read"]

MAX_BYTES = 64 * 1024
"""The largest body that `read` accepts, in bytes."""


async def read(request: Request) -> dict[str, str]:
    """Return the fields of a URL-encoded form; of several with the same name, the last one.

    Raises `HTTPException`: 413 over `MAX_BYTES`, 415 for another content type, 400 for invalid UTF-8 or too many fields.

    Example: `text = (await forms.read(request)).get("text", "")`
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise HTTPException(415, "Expected a form (application/x-www-form-urlencoded).")
    content = await body.read(request, MAX_BYTES, "form")
    try:
        return dict(parse_qsl(content.decode(), keep_blank_values=True, errors="strict", max_num_fields=100))
    except UnicodeDecodeError:
        raise HTTPException(400, "The text is not valid UTF-8.") from None
    except ValueError:
        raise HTTPException(400, "The form has too many fields.") from None
