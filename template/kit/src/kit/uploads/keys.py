"""Keys, the names of uploaded files."""

import re

_KEY = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*", re.ASCII)


class NotUploaded(LookupError):
    """There is no file with this key."""


def checked(key: str) -> str:
    """Return the key; raises `ValueError` for one that isn't allowed on every storage."""
    if not _KEY.fullmatch(key) or len(key) > 500:
        raise ValueError(f"Invalid key {key!r}; use ASCII letters, digits, _ - . and /, such as: photos/0a1b2c.jpg")
    return key
