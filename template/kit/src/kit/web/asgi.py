"""An ASGI extension and a header check, shared by `kit.web` and the API Gateway adapter."""

import re
from collections.abc import Iterable

RESTART = "kit.response.restart"
"""The name of an ASGI extension and of its message: the server discards the response, of which it has sent nothing."""

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"[^\0\s]+(?:[ \t]+[^\0\s]+)*|")


class InvalidHeader(ValueError):
    """A response header that must not be sent. The message has only its name, because the value may be private."""


def check_headers(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Raise `InvalidHeader` for a response header that h11 would refuse: line breaks, NUL, or surrounding spaces.

    A line break in a value allows its author to forge other headers or a second response. uvicorn refuses it, as h11
    does (RFC 9110, section 5.5); API Gateway doesn't.
    """
    for name, value in headers:
        if not _NAME.fullmatch(name):
            raise InvalidHeader(f"{name!r} is not a valid name of a response header.")
        if not _VALUE.fullmatch(value):
            raise InvalidHeader(
                f"The response header {name.decode('ascii')} has a line break, NUL, or spaces around its value. "
                "Encode the value, for example with urllib.parse.quote()."
            )
