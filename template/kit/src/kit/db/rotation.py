"""The URL of a database whose password was rotated: it is read again when the server refuses the one that is known.

New environments read the new one at their start. This is for those that are older: a job that has run for hours, a task.
"""

import logging
import os
import time
from threading import Lock

from kit import settings

log = logging.getLogger("kit.db")

PAUSE_SECONDS = 10
"""How long not to ask for another URL once there was none: SSM answers 40 requests a second in all."""


class StoredUrl:
    """The URL that is stored for this process, once it was read again."""

    def __init__(self) -> None:
        self._url = ""
        self._unchanged_at = 0.0
        self._reading = Lock()

    def instead_of(self, refused: str) -> str | None:
        """Return another URL than the one that the server has refused; `None` if no other one is stored.

        Of several threads, one reads it. `None` where the URL is a variable, as on a laptop.
        """
        name = os.environ.get("DATABASE_URL_SECRET", "").strip()
        if not name or os.environ.get("DATABASE_URL", "").strip():
            return None
        with self._reading:
            if self._url in {"", refused} and abs(time.time() - self._unchanged_at) > PAUSE_SECONDS:
                self._read(name)
                if self._url in {"", refused}:
                    self._unchanged_at = time.time()
            return None if self._url in {"", refused} else self._url

    def _read(self, name: str) -> None:
        from kit import secrets  # on a laptop, HTTP and TLS need not be loaded

        try:
            self._url = settings.database_url(secrets.read_again(name).strip())
        except ValueError as error:
            log.warning("the database refuses its password, and no other one can be read: %s", error)


instead_of = StoredUrl().instead_of
