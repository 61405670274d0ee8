"""Stopping a job that takes too long, wherever it is: an alarm signal interrupts it.

The interruption is an exception, which a job can swallow: in an `except: pass`, a `__del__` or a callback. So the alarm
rings again, sooner each time, until the call has ended.

This works only in a process's main thread, and not on Windows, which has no alarm signal: there a job has no time limit.
"""

import asyncio
import inspect
import logging
import math
import random
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from time import monotonic
from types import FrameType
from typing import Any

from kit.db import database

log = logging.getLogger("kit.jobs")

GRACE = 0.5
"""Seconds for an async job to react to its cancellation."""
REPEAT = 0.5
"""Seconds between the first ring and the second, for the job to clean up; each next pause is half as long."""
UNHEARD = 0.05
"""Seconds after which a signal without effect is repeated."""
BURST = 4
"""From this ring on they are so close together that one falls between two `try` blocks of the job."""


class OutOfTime(BaseException):
    """The job was stopped. Not an `Exception`, so that the job's own `except Exception` does not catch it."""


class _Limit:
    """The time limit of one running call; times are of the monotonic clock, in seconds."""

    ends_at: float
    rings_at: float
    rings = 0
    over = False


_limits: list[_Limit] = []
"""The limits of the running calls, the outermost first: an inline job runs inside another job."""


@contextmanager
def alarm() -> Iterator[None]:
    """Install the signal handler for the block, so that each call in it only sets the timer, which is faster."""
    if not _can_ring():
        yield
        return
    before = signal.signal(signal.SIGALRM, _ring)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)


def call(function: Any, arguments: dict[str, Any], seconds: float) -> None:
    """Call a function, sync or async, for so many seconds at most; raises `OutOfTime` if it is stopped."""
    result = _call(function, arguments, seconds)
    if inspect.iscoroutine(result):
        _call(_run, {"coroutine": _limited(result, seconds)}, seconds + GRACE)


def expired() -> bool:
    """Whether the time of a call around this one is up, so that `OutOfTime` is for that call."""
    return any(limit.ends_at <= monotonic() for limit in _limits if not limit.over)


def _call(function: Callable[..., Any], arguments: dict[str, Any], seconds: float) -> Any:
    """Call a function, and raise `OutOfTime` in it after so many seconds, repeatedly until it ends."""
    if math.isinf(seconds) or not _can_ring():
        return function(**arguments)
    if signal.getsignal(signal.SIGALRM) is not _ring:  # outside of `alarm`, or the job has installed its own handler
        with alarm():
            return _call(function, arguments, seconds)
    limit = _Limit()
    limit.ends_at = limit.rings_at = monotonic() + seconds
    try:
        _limits.append(limit)
        if len(_limits) == 1:
            signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6), UNHEARD)
        else:
            _set_timer()
        # In a context of its own: what an interrupted block did not reset, such as its open session, ends with the call.
        return copy_context().run(function, **arguments)
    finally:
        limit.over = (
            True  # first, and not a call: no signal can be handled before it, and none rings for this limit after it
        )
        if len(_limits) == 1 and _limits[0] is limit:
            signal.setitimer(signal.ITIMER_REAL, 0)
            _limits.clear()
        else:
            _set_timer()
        if limit.rings:  # it may have been stopped inside the connection pool, which would lose a connection
            database.replace_pool()


def _can_ring() -> bool:
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()


def _set_timer() -> None:
    """Set the timer for the limit that rings next, or switch it off if there is none.

    It repeats: a signal that arrives just before a blocking system call does not interrupt that call, and Python handles
    it only when the next signal does.
    """
    _limits[:] = [limit for limit in _limits if not limit.over]
    if not _limits:
        signal.setitimer(signal.ITIMER_REAL, 0)
        return
    pause = min([limit.rings_at for limit in _limits]) - monotonic()
    signal.setitimer(signal.ITIMER_REAL, max(pause, 1e-6), UNHEARD)


def _ring(_: int, frame: FrameType | None) -> None:
    now = monotonic()
    due = next((limit for limit in _limits if not limit.over and limit.rings_at <= now), None)
    if due is None:
        _set_timer()
        return
    due.rings += 1
    due.rings_at = now + _pause(due.rings)
    with suppress(Exception):  # the job may have been interrupted while writing to the same stream
        _report(due, frame)
    _set_timer()
    raise OutOfTime


def _pause(rings: int) -> float:
    """Seconds until the next ring, after so many."""
    if rings < BURST:
        return REPEAT / (1 << (rings - 1))
    return 0.05 if rings % 200 == 0 else random.uniform(1e-6, 2e-5)  # noqa: S311 - not a secret


def _report(limit: _Limit, frame: FrameType | None) -> None:
    if limit.rings == 1 or (limit.rings > BURST and limit.rings % 20_000):
        return
    level = logging.WARNING if limit.rings < BURST else logging.ERROR
    where = f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "C code"
    over = monotonic() - limit.ends_at
    log.log(level, "the job still runs %.1f s after it was stopped, at %s; stopping it again", over, where)


async def _limited(coroutine: Coroutine[Any, Any, Any], seconds: float) -> None:
    try:
        async with asyncio.timeout(None if math.isinf(seconds) else seconds) as timeout:
            await coroutine
    except TimeoutError:
        if timeout.expired():
            raise OutOfTime from None
        raise


def _run(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run to the end; if an event loop is running (an inline job in an async request), in another thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        _run_here(coroutine)
        return
    from concurrent.futures import ThreadPoolExecutor
    from contextvars import copy_context

    with ThreadPoolExecutor(1) as pool:
        pool.submit(copy_context().run, asyncio.run, coroutine).result()


def _run_here(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run to the end, and close what did not end: the garbage collector would let it run without a limit."""
    try:
        asyncio.run(coroutine)
    finally:
        with suppress(RuntimeError):  # it awaits something instead of ending
            coroutine.close()
