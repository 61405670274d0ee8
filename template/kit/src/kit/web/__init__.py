"""Layers for every request: `web.wrap(app)` puts them around any ASGI app."""

from kit.web.middleware import POLICY, allow, conditional, same_origin, wrap

__all__ = ["POLICY", "allow", "conditional", "same_origin", "wrap"]
