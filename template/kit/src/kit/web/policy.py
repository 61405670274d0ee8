"""The content security policy: the default one, and what a page adds to it for its own scripts and styles.

A page that one client alone gets may have a nonce. One that a CDN keeps for all of them can't, because everybody could
read it; its policy lists the hashes of what the templates have inlined.
"""

import base64
import hashlib
import secrets
from typing import Any

from starlette.types import Scope

POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; "
    "media-src 'self'; font-src 'self'; manifest-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""The default content security policy: only the app's own resources. `'nonce-{nonce}'` stands for what a page allows.

Scripts need the nonce even if they are the app's own files, so that a file that a user uploaded can't be run as one.
"""

_NONCE = "csp_nonce"
_HASHES = "csp_hashes"


def allow(directive: str, *sources: str, policy: str = POLICY) -> str:
    """Return a content security policy that allows more sources for a directive.

    directive: such as `"style-src"`. Without one of its own in `policy`, it gets one, which `default-src` limits no more.
    sources: such as `"https://cdn.example.com"`.
    policy: the one to begin with.

    Source: https://developer.mozilla.org/docs/Web/HTTP/Guides/CSP

    Example: `web.wrap(app, policy=web.allow("style-src", "https://cdn.example.com"))`
    """
    directives = {name: values for name, *values in (part.split() for part in policy.split(";") if part.strip())}
    present = [source for source in directives.get(directive, []) if source != "'none'"]
    directives[directive] = [*present, *sources]
    return "; ".join(" ".join([name, *values]) for name, values in directives.items())


def hash_of(text: str) -> str:
    """Return the source that allows an inline script or style with this text: `'sha256-…'`."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def allow_inline(scope: Scope, source: str) -> None:
    """Add a source, such as `hash_of` returns, to the policy of the response to this request."""
    scope.setdefault("state", {}).setdefault(_HASHES, {})[source] = None


class PolicyState(dict[str, Any]):
    """A request's state with `csp_nonce`, which is made when it is first read: so it is known which pages have one."""

    def __missing__(self, key: str) -> str:
        if key != _NONCE:
            raise KeyError(key)
        nonce = self[key] = secrets.token_urlsafe(16)
        return nonce

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value, the nonce too if it wasn't read before."""
        return self[key] if key == _NONCE else super().get(key, default)

    def has_nonce(self) -> bool:
        """Whether the nonce was read."""
        return _NONCE in self

    def sources(self, *, nonce: bool) -> str:
        """Return what the page allows: the hashes of what it has inlined, and the nonce."""
        hashes = self.get(_HASHES, ())
        return " ".join([f"'nonce-{self[_NONCE]}'", *hashes] if nonce else hashes)
