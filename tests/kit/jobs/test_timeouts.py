"""A job ends when its time is up, whatever others do with the alarm, and leaves the process as it was."""

import asyncio
import contextlib
import gc
import math
import signal
import threading
import time
from collections.abc import Coroutine, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from kit.jobs import timeouts
from kit.jobs.timeouts import OutOfTime


@pytest.fixture(autouse=True)
def _left_as_it_was() -> Iterator[None]:
    before = signal.getsignal(signal.SIGALRM)
    yield
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def hang(seconds: float = 30) -> None:
    time.sleep(seconds)


async def wait(seconds: float = 30) -> None:
    await asyncio.sleep(seconds)


async def block() -> None:
    time.sleep(30)  # noqa: ASYNC251 - it must not, and is stopped all the same


def hand_over(seconds: float = 30) -> Coroutine[Any, Any, None]:
    """What a decorator makes of an async function."""
    return wait(seconds)


def take_the_alarm() -> None:
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    signal.alarm(30)


@pytest.mark.parametrize("job", [hang, wait, hand_over, block])
def test_a_job_is_ended(job: Any) -> None:
    begun = time.monotonic()
    with pytest.raises(OutOfTime):
        timeouts.call(job, {}, 0.05)
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("job", [hang, wait, hand_over])
@pytest.mark.parametrize("seconds", [5, math.inf])
def test_a_job_that_has_time_is_run_to_its_end(job: Any, seconds: float) -> None:
    begun = time.monotonic()
    timeouts.call(job, {"seconds": 0.05}, seconds)
    assert time.monotonic() - begun >= 0.05


def test_each_job_of_a_batch_has_its_own_time() -> None:
    with timeouts.alarm():
        for _ in range(3):
            timeouts.call(hang, {"seconds": 0.4}, 1)
            assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
            with pytest.raises(OutOfTime):
                timeouts.call(hang, {}, 0.05)


def test_a_job_that_takes_the_alarm_takes_it_from_itself_alone() -> None:
    with timeouts.alarm():
        timeouts.call(take_the_alarm, {}, 5)
        for _ in range(2):
            with pytest.raises(OutOfTime):
                timeouts.call(hang, {}, 0.05)


def test_a_ring_that_another_handler_took_is_repeated() -> None:
    """So is one that came just before a blocking call of the operating system, which only the next signal ends."""
    taken = []

    def job() -> None:
        ours = signal.signal(signal.SIGALRM, lambda *_: taken.append(True))
        while not taken:
            time.sleep(0.01)
        signal.signal(signal.SIGALRM, ours)
        time.sleep(30)

    with pytest.raises(OutOfTime):
        timeouts.call(job, {}, 0.05)
    assert taken == [True]


def test_a_call_within_a_call_is_ended_and_the_outer_one_goes_on() -> None:
    ended = []

    def outer() -> None:
        try:
            timeouts.call(hang, {}, 0.05)
        except OutOfTime:
            ended.append("inner")

    timeouts.call(outer, {}, 5)
    assert ended == ["inner"]


def swallow() -> None:
    """Go on after whatever interrupts it, as a retry loop with a bare `except` does."""
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(30)


def swallow_twice() -> None:
    while True:
        with contextlib.suppress(BaseException):
            swallow()


def swallow_while_busy() -> None:
    count = 0
    while True:
        try:
            while True:
                count += 1
        except BaseException:  # noqa: BLE001, S112 - that is what it is for
            continue


async def swallow_cancellation() -> None:
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(30)


async def swallow_all() -> None:
    while True:
        with contextlib.suppress(BaseException):
            await asyncio.sleep(30)


async def swallow_in_a_callback() -> None:
    asyncio.get_running_loop().call_later(0, time.sleep, 30)
    await asyncio.sleep(30)


class Finalizer:
    """What is raised in a `__del__` is printed and forgotten."""

    def __del__(self) -> None:
        time.sleep(30)


def swallow_in_a_finalizer() -> None:
    Finalizer()
    time.sleep(30)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "job",
    [
        swallow,
        swallow_twice,
        swallow_while_busy,
        swallow_cancellation,
        swallow_all,
        swallow_in_a_callback,
        swallow_in_a_finalizer,
    ],
)
def test_a_job_that_swallows_the_interruption_is_interrupted_until_it_ends(
    job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeouts, "REPEAT", 0.1)
    with pytest.raises(OutOfTime):
        timeouts.call(job, {}, 0.05)
    gc.collect()


def test_each_further_interruption_is_logged_with_the_place_that_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(OutOfTime):
        timeouts.call(swallow, {}, 0.05)
    assert [record.levelname for record in caplog.records[:3]] == ["WARNING", "WARNING", "ERROR"]
    assert all("test_timeouts.py" in record.getMessage() for record in caplog.records)


def test_a_job_has_time_to_clean_up_after_it_was_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "REPEAT", 20)
    cleaned = []

    def job() -> None:
        try:
            time.sleep(30)
        finally:
            time.sleep(0.1)
            cleaned.append(True)

    with pytest.raises(OutOfTime):
        timeouts.call(job, {}, 0.05)
    assert cleaned == [True]


@pytest.mark.parametrize("inner", [hang, wait])
def test_a_call_within_a_call_leaves_the_outer_one_its_limit(inner: Any) -> None:
    def outer() -> None:
        timeouts.call(inner, {"seconds": 0.01}, 5)
        time.sleep(30)

    with pytest.raises(OutOfTime):
        timeouts.call(outer, {}, 0.2)


def test_a_call_within_a_call_is_ended_when_the_outer_ones_time_is_up() -> None:
    seen = []

    def outer() -> None:
        try:
            timeouts.call(hang, {}, 30)
        except OutOfTime:
            seen.append(timeouts.expired())
            raise

    with pytest.raises(OutOfTime):
        timeouts.call(outer, {}, 0.05)
    assert seen == [True]
    assert not timeouts.expired()


def test_a_call_in_a_thread_has_no_limit_and_leaves_that_of_the_main_thread() -> None:
    done = []

    def beside() -> None:
        timeouts.call(hang, {"seconds": 0.05}, 0.01)
        done.append("beside")

    def job() -> None:
        thread = threading.Thread(target=beside)
        thread.start()
        thread.join()
        hang()

    with pytest.raises(OutOfTime):
        timeouts.call(job, {}, 0.5)
    assert done == ["beside"]


def test_nested_calls_that_have_time_left_are_not_interrupted() -> None:
    expired = []

    def outer() -> None:
        timeouts.call(hang, {"seconds": 0.01}, 30)
        expired.append(timeouts.expired())

    timeouts.call(outer, {}, 60)
    assert expired == [False]


def test_what_a_stopped_job_left_in_its_context_is_gone_with_it() -> None:
    """As when it is stopped between opening a session and the block that closes it."""
    opened = ContextVar("opened", default=False)

    def stopped_in_a_block() -> None:
        opened.set(True)
        time.sleep(60)

    with pytest.raises(OutOfTime):
        timeouts.call(stopped_in_a_block, {}, 0.01)
    assert opened.get() is False
