"""Layers for every request: `web.wrap(app)` puts them around any ASGI app."""

from kit.web.middleware import POLICY, conditional, same_origin, wrap

__all__ = ["POLICY", "conditional", "same_origin", "wrap"]
