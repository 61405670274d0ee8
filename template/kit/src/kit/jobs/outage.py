"""Waiting for a database that is locked, restarting or unreachable: longer each time, and logged once."""

import logging
import random
import time
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, TimeoutError

log = logging.getLogger("kit.jobs")

T = TypeVar("T")

UNAVAILABLE = (OperationalError, InterfaceError, InternalError, TimeoutError, OSError)
"""Errors that may pass when the database is available again; TimeoutError is the pool's."""
FIRST_PAUSE = 0.2
MAX_PAUSE = 15.0
"""Seconds; each pause is random between half of its length and its length."""


class Outage:
    """The failures since the database last responded; `sleep` waits so many seconds."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self.sleep = sleep
        self.failures = 0
        self.started = 0.0

    def wait(self, error: Exception) -> None:
        """Pause after a failure, before the next try."""
        if not self.failures:
            self.started = monotonic()
            log.warning("the worker is waiting for its database: %s", getattr(error, "orig", None) or error)
        full = min(MAX_PAUSE, FIRST_PAUSE * 2 ** min(self.failures, 16))
        self.failures += 1
        self.sleep(random.uniform(full / 2, full))  # noqa: S311 - jitter, not a secret

    def end(self) -> None:
        """The database has responded."""
        if self.failures:
            log.info(
                "the database responds again, after %.1f s and %d attempts", monotonic() - self.started, self.failures
            )
        self.failures = 0

    def retry(self, action: Callable[[], T]) -> T:
        """Call an action, which may happen twice, until the database is available; returns its result."""
        while True:
            try:
                result = action()
            except UNAVAILABLE as error:
                self.wait(error)
            else:
                self.end()
                return result
