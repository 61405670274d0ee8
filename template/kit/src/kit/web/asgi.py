"""What the server's side and the app's side of ASGI agree on."""

import re
from collections.abc import Iterable

RESTART = "kit.response.restart"
"""An extension of ASGI, and its message: the server forgets the response so far, as it has sent none of it yet."""

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"[^\0\s]+(?:[ \t]+[^\0\s]+)*|")


class InvalidHeader(ValueError):
    """A response header that must not be sent. The message has its name only: its value may be private."""


def check_headers(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Accept the headers of a response if a server may send them.

    A value with a line break would let its writer forge other headers, or a second response. uvicorn refuses it, by
    h11 and RFC 9110, section 5.5; API Gateway takes it as it is.

    Raises `InvalidHeader` where h11 refuses a name, or a value: line breaks, NUL, and spaces around it.
    """
    for name, value in headers:
        if not _NAME.fullmatch(name):
            raise InvalidHeader(f"{name!r} cannot be the name of a response header.")
        if not _VALUE.fullmatch(value):
            raise InvalidHeader(
                f"The response header {name.decode('ascii')} has a line break, NUL, or spaces around its value. "
                "Encode what it is made of, for example with urllib.parse.quote()."
            )
