"""Layers for every request: `web.wrap(app)` puts them around any ASGI app."""

from kit.web.middleware import conditional, same_origin, wrap
from kit.web.policy import POLICY, allow

__all__ = ["POLICY", "allow", "conditional", "same_origin", "wrap"]
