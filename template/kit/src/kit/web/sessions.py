"""Sessions in a signed cookie: Starlette's `SessionMiddleware`, with keys that can be rotated.

    # app/settings.py
    session_keys: tuple[str, ...] = secret("the keys that sign session cookies", parse=names, generate=True)

    # app/web.py
    app = web.wrap(Sessions(Starlette(routes=[…]), lambda: settings.session_keys))

Then `request.session["user"] = user.id`. It needs the package itsdangerous. The browser can read what is in a session,
and can send an old one again until it expires, so keep ids in it, and no secrets.
"""

from collections.abc import Callable, Sequence

import itsdangerous
from starlette.middleware.sessions import SessionMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kit import settings

__all__ = ["Sessions"]

MAX_BYTES = 4096
"""Browsers ignore a longer cookie. Source: RFC 6265, section 6.1."""

MAX_AGE = 14 * 24 * 3600
"""How long a session lasts after its last change, in seconds."""


class SessionTooLarge(ValueError):
    """A session doesn't fit into a cookie."""


class Sessions(SessionMiddleware):
    """Gives each request a `session`, a dictionary that is kept in a signed cookie.

    keys: returns the keys. The first signs, and all verify; a key is removed once what it signed has expired. It is
        called with the first request, because no secret is known while the image is built.
    max_age: how long a session lasts after its last change, in seconds; `None` until the browser is closed.
    secure: whether browsers send the cookie over HTTPS only; by default on Lambda.

    A request raises `SessionTooLarge` if its session has more than 4 KB with its signature.
    """

    def __init__(
        self,
        app: ASGIApp,
        keys: Callable[[], Sequence[str]],
        *,
        max_age: int | None = MAX_AGE,
        secure: bool | None = None,
    ) -> None:
        secure = settings.on_lambda() if secure is None else secure
        # With this prefix, no other host of the same domain can set the cookie.
        name = "__Host-session" if secure else "session"
        super().__init__(app, secret_key="", session_cookie=name, max_age=max_age, https_only=secure)
        self.keys = keys
        self.ready = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self.ready:
            keys = [key for key in self.keys() if key]
            if not keys:
                raise ValueError("Sessions need at least one key.")
            self.signer = itsdangerous.TimestampSigner(list(reversed(keys)))  # which signs with the last
            self.ready = True

        async def send_checked(message: Message) -> None:
            if message["type"] == "http.response.start":
                for name, value in message.get("headers", ()):
                    if name.lower() == b"set-cookie" and value.startswith(f"{self.session_cookie}=".encode()):
                        _check_size(value.partition(b";")[0])
            await send(message)

        await super().__call__(scope, receive, send_checked)


def _check_size(cookie: bytes) -> None:
    if len(cookie) > MAX_BYTES:
        raise SessionTooLarge(
            f"The session has {len(cookie):,} bytes with its signature, and browsers ignore more than {MAX_BYTES:,}. "
            "Keep an id in it, and the rest in the database."
        )
