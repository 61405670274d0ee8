"""Reads a request's body up to a limit."""

from starlette.exceptions import HTTPException
from starlette.requests import Request


async def read(request: Request, max_bytes: int, what: str) -> bytes:
    """Return the body; raises `HTTPException` with status 413 for more than `max_bytes`. `what` is its name there."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise HTTPException(413, f"The {what} is too large; the limit is {max_bytes // 1024} KB.")
    return body
