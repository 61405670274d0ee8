"""Ending a job that takes too long, wherever it is: an alarm of the operating system interrupts it.

Only in a process's main thread, and not on Windows, which has no alarm: there a job is not limited.
"""

import asyncio
import inspect
import math
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

GRACE = 0.5
"""Seconds that an async job has to notice that it was cancelled."""


class OutOfTime(BaseException):
    """The job was stopped. Not an `Exception`, so that the job's own `except Exception` does not keep it going."""


@contextmanager
def alarm() -> Iterator[None]:
    """Have the alarm set up in the block, so that each call in it sets the time alone, which is sooner done."""
    if not _can_ring():
        yield
        return
    before = signal.signal(signal.SIGALRM, _ring)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)


def call(function: Any, arguments: dict[str, Any], seconds: float) -> None:
    """Call a function, sync or async, for so many seconds at most."""
    made = _call(function, arguments, seconds)
    if inspect.iscoroutine(made):
        _call(_run, {"coroutine": _limited(made, seconds)}, seconds + GRACE)


def _call(function: Callable[..., Any], arguments: dict[str, Any], seconds: float) -> Any:
    """Call a function, and raise `OutOfTime` in it after so many seconds."""
    if math.isinf(seconds) or not _can_ring():
        return function(**arguments)
    if signal.getsignal(signal.SIGALRM) is not _ring:  # outside of `alarm`, or a job has put its own in place
        with alarm():
            return _call(function, arguments, seconds)
    try:
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
        return function(**arguments)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _can_ring() -> bool:
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()


def _ring(_: int, __: FrameType | None) -> None:
    raise OutOfTime


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
