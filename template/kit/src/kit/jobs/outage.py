"""A database that is locked, restarting or away: it is waited for, longer each time, and logged once."""

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
"""What says that the database cannot do it now, and not that it never will: TimeoutError is the pool's."""
FIRST = 0.2
LONGEST = 15.0
"""Seconds of the first pause and of the longest; each is drawn between half the figure and the figure."""


class Outage:
    """The failures since the database last answered; `sleep` waits so many seconds."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self.sleep = sleep
        self.failures = 0
        self.began = 0.0

    def wait(self, error: Exception) -> None:
        """Pause after a failure, before the next try."""
        if not self.failures:
            self.began = monotonic()
            log.warning("the worker waits for its database: %s", getattr(error, "orig", None) or error)
        full = min(LONGEST, FIRST * 2 ** min(self.failures, 16))
        self.failures += 1
        self.sleep(random.uniform(full / 2, full))  # noqa: S311 - jitter, nothing secret

    def over(self) -> None:
        """The database has answered."""
        if self.failures:
            log.info("the database answers again, after %.1f s and %d tries", monotonic() - self.began, self.failures)
        self.failures = 0

    def outlast(self, action: Callable[[], T]) -> T:
        """Do something that may be done twice, however long the database cannot, and return its result."""
        while True:
            try:
                result = action()
            except UNAVAILABLE as error:
                self.wait(error)
            else:
                self.over()
                return result
