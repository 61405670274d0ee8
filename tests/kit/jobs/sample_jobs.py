"""Jobs that the tests enqueue; `effects` says what they did."""

import asyncio
import os
import signal
import time
from dataclasses import dataclass, field
from enum import Enum

from sqlalchemy import Column, Integer, MetaData, String, Table, insert

from kit.db import database
from kit.jobs import hours, job

metadata = MetaData()
effects = Table(
    "effects", metadata, Column("number", Integer, primary_key=True), Column("name", String(80), nullable=False)
)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Point:
    x: int
    y: float = 0.0
    colours: list[Colour] = field(default_factory=list)


def note(name: str) -> None:
    with database.session() as session:
        session.execute(insert(effects).values(name=name))


@job(backoff=0)
def add(name: str) -> None:
    note(name)


@job(attempts=3, backoff=0)
def act(name: str, how: str = "succeed") -> None:
    """Succeed, or fail in one of the ways there are."""
    note(name)
    if how == "raise":
        raise ValueError(f"{name} failed")
    if how == "exit":
        raise SystemExit(1)
    if how == "hang":
        time.sleep(60)
    if how == "deafen":
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
    if how == "die":
        os._exit(9)


class Abort(BaseException):
    """What a library raises that is no `Exception`."""


class Mute(Exception):
    """An exception that cannot say what happened."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


ERRORS: dict[str, BaseException] = {
    "cancelled": asyncio.CancelledError(),
    "closed": GeneratorExit(),
    "exit": SystemExit(3),
    "abort": Abort("lost"),
    "half a character": ValueError("half \ud83d a character"),
    "mute": Mute(),
    "long": ValueError("x" * 1_100_000),
}


@job(attempts=3, backoff=0)
def fail(name: str, how: str) -> None:
    note(name)
    raise ERRORS[how]


@job(attempts=3, backoff=0)
async def cancel_itself(name: str) -> None:
    note(name)
    task = asyncio.current_task()
    assert task
    task.cancel()
    await asyncio.sleep(0)


@job(attempts=3, backoff=lambda attempt: 1 / (2 - attempt))
def fail_with_a_bad_backoff(name: str) -> None:
    raise ValueError(f"{name} failed")


@job(backoff=0)
def swallow_sigterm(name: str) -> None:
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)
    except BaseException:  # noqa: BLE001 - that is what it is for
        note(name)


@job(attempts=2, backoff=0, max_runtime=0.2)
def block(seconds: float) -> None:
    time.sleep(seconds)


@job(attempts=2, backoff=0, max_runtime=0.2)
async def wait(seconds: float) -> None:
    await asyncio.sleep(seconds)


@job(attempts=2, backoff=0, max_runtime=hours(1))
def long(name: str, fail: bool = False) -> None:
    note(name)
    if fail:
        raise ValueError("long failed")


@job(queue="orders.fifo", attempts=2, backoff=0)
def ordered(name: str, fail: bool = False) -> None:
    note(name)
    if fail:
        raise ValueError(name)


@job(attempts=20, backoff=0)
def stubborn() -> None:
    raise ValueError("never")


@job(attempts=3, backoff=0)
def two_steps(name: str, fail: bool = False) -> None:
    """Two blocks and a job enqueued, which stand or fall together when there is a key."""
    note(f"{name} 1")
    add.enqueue(f"{name} follows")
    if fail:
        raise ValueError("between the steps")
    note(f"{name} 2")


@job(attempts=3, backoff=0, max_runtime=60)
def crash(name: str) -> None:
    """Kill the environment, as running out of memory does."""
    note(name)
    os._exit(9)


@job
def travel(value: object, kind: Colour | Point | None = None) -> None:
    pass
