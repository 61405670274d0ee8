"""What every request gets: `web.wrap(app)` puts it around any ASGI app."""

from kit.web.middleware import POLICY, conditional, same_origin, wrap

__all__ = ["POLICY", "conditional", "same_origin", "wrap"]
