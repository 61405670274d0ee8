"""Secrets that nobody chooses, such as keys for signatures: on a laptop, random ones in `data/generated.env`.

In a stage, `make deploy` generates them once; see `kit.ops.stage_settings`.
"""

import os
import secrets

from kit import references, stage_file


def new() -> str:
    """Return a random secret of 256 bits."""
    return secrets.token_urlsafe(32)


def of_laptop(name: str) -> str:
    """Return the secret of that name, generated on first use; raises `ValueError` where no file can be written.

    Of two processes that generate one at the same time, both take the one that was written first.
    """
    file = references.project() / "data" / "generated.env"
    try:
        if name not in stage_file.parse(file):
            file.parent.mkdir(exist_ok=True)
            descriptor = os.open(file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "a", encoding="utf-8") as opened:
                opened.write(f"{name}={new()}\n")
        return stage_file.parse(file)[name]
    except OSError as error:
        raise ValueError(f"it is not set, and none can be generated in data/ ({error.strerror})") from None
