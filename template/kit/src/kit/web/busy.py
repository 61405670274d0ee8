"""The page for visitors whom the throttle refuses, which a CDN shows instead of the API's JSON: it retries by itself.

An app has its own by a file `app/static/busy.html`. It should be complete in itself, because whatever it loads from the
app is refused as well.
"""

from pathlib import Path

from kit import references

__all__ = ["file"]

DEFAULT = Path(__file__).with_name("busy.html")


def file() -> Path:
    """Return the file: the app's own, or the kit's."""
    own = references.project() / "app" / "static" / "busy.html"
    return own if own.is_file() else DEFAULT
