"""Ending a job that takes too long, wherever it is: an alarm of the operating system interrupts it."""

import asyncio
import inspect
import math
import signal
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

GRACE = 0.5
"""Seconds that an async job has to notice that it was cancelled."""


class OutOfTime(BaseException):
    """The job was stopped. Not an `Exception`, so that the job's own `except Exception` does not keep it going."""


@contextmanager
def limit(seconds: float) -> Iterator[None]:
    """Raise `OutOfTime` in the block after so many seconds.

    Only in a process's main thread, and not on Windows, which has no alarm: there the block is not limited.
    """
    if (
        math.isinf(seconds)
        or not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def ring(_: int, __: FrameType | None) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def call(function: Any, arguments: dict[str, Any], seconds: float) -> None:
    """Call a function, sync or async, for so many seconds at most."""
    if inspect.iscoroutinefunction(function):
        with limit(seconds + GRACE):
            _run(_limited(function(**arguments), seconds))
    else:
        with limit(seconds):
            function(**arguments)


async def _limited(coroutine: Coroutine[Any, Any, Any], seconds: float) -> None:
    try:
        async with asyncio.timeout(None if math.isinf(seconds) else seconds) as timeout:
            await coroutine
    except TimeoutError:
        if timeout.expired():
            raise OutOfTime from None
        raise


def _run(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run to the end; where a loop runs already (an inline job in an async request), in a thread beside it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(coroutine)
        return
    from concurrent.futures import ThreadPoolExecutor
    from contextvars import copy_context

    with ThreadPoolExecutor(1) as pool:
        pool.submit(copy_context().run, asyncio.run, coroutine).result()
