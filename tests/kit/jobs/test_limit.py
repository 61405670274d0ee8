"""A job ends when its time is up, whatever others do with the alarm, and leaves the process as it was."""

import asyncio
import math
import signal
import threading
import time
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from kit.jobs import limit
from kit.jobs.limit import OutOfTime


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
        limit.call(job, {}, 0.05)
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("job", [hang, wait, hand_over])
@pytest.mark.parametrize("seconds", [5, math.inf])
def test_a_job_that_has_time_is_run_to_its_end(job: Any, seconds: float) -> None:
    begun = time.monotonic()
    limit.call(job, {"seconds": 0.05}, seconds)
    assert time.monotonic() - begun >= 0.05


def test_each_job_of_a_batch_has_its_own_time() -> None:
    with limit.alarm():
        for _ in range(3):
            limit.call(hang, {"seconds": 0.06}, 0.1)
            assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
            with pytest.raises(OutOfTime):
                limit.call(hang, {}, 0.05)


def test_a_job_that_takes_the_alarm_takes_it_from_itself_alone() -> None:
    with limit.alarm():
        limit.call(take_the_alarm, {}, 5)
        for _ in range(2):
            with pytest.raises(OutOfTime):
                limit.call(hang, {}, 0.05)


def test_a_call_within_a_call_is_ended_and_the_outer_one_goes_on() -> None:
    ended = []

    def outer() -> None:
        try:
            limit.call(hang, {}, 0.05)
        except OutOfTime:
            ended.append("inner")

    limit.call(outer, {}, 5)
    assert ended == ["inner"]


def test_a_call_in_a_thread_has_no_limit_and_leaves_that_of_the_main_thread() -> None:
    done = []

    def beside() -> None:
        limit.call(hang, {"seconds": 0.05}, 0.01)
        done.append("beside")

    def job() -> None:
        thread = threading.Thread(target=beside)
        thread.start()
        thread.join()
        hang()

    with pytest.raises(OutOfTime):
        limit.call(job, {}, 0.5)
    assert done == ["beside"]
