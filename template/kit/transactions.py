"""What hangs on a transaction: what is done once it is committed, and blocks that join a larger one.

`kit.database.session` calls `joined` and `follow`; the jobs ask `current` and leave work with `after_commit`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy import event
from sqlalchemy.orm import Session

_current: ContextVar["Followed | None"] = ContextVar("transaction", default=None)
_whole: ContextVar["Followed | None"] = ContextVar("whole_transaction", default=None)


class RolledBack(RuntimeError):
    """One block of a transaction failed, so none of it is kept."""


class Followed:
    """A session, and what waits for its commit."""

    def __init__(self, session: "FollowedSession") -> None:
        self.session = session
        self.failed = False
        self.waiting: list[Callable[[], None]] = []
        self.ready: list[Callable[[], None]] = []
        session.followed = self


class FollowedSession(Session):
    """The class is listened to once, because listening to each session would take longer than opening it."""

    followed: Followed | None = None


@event.listens_for(FollowedSession, "after_commit")
def _committed(session: FollowedSession) -> None:
    if followed := session.followed:
        followed.ready += followed.waiting
        followed.waiting = []


@event.listens_for(FollowedSession, "after_rollback")
def _rolled_back(session: FollowedSession) -> None:
    if followed := session.followed:
        followed.waiting = []


def current() -> Session | None:
    """The session whose block is running, if any."""
    found = _current.get()
    return found.session if found else None


def after_commit(action: Callable[[], None]) -> None:
    """Do this once the running block is committed, and never if it is rolled back."""
    found = _current.get()
    if found is None:
        raise RuntimeError("no transaction is open; use it inside `with database.session():`")
    found.waiting.append(action)


@contextmanager
def follow(session: FollowedSession) -> Iterator[None]:
    """Know this session as the current one; after its block, do what waited for the commit."""
    followed = Followed(session)
    token = _current.set(followed)
    try:
        yield
    finally:
        _current.reset(token)
    for action in followed.ready:
        action()


@contextmanager
def joining() -> Iterator[None]:
    """Let every `database.session()` in this block join the transaction that is open now.

    If one of them fails, the transaction cannot be committed any more, even when the error is caught:
    raises `RolledBack` at the end.
    """
    followed = _current.get()
    if followed is None:
        raise RuntimeError("no transaction is open; use it inside `with database.session():`")
    token = _whole.set(followed)
    try:
        yield
    finally:
        _whole.reset(token)
    if followed.failed:
        raise RolledBack("a block of this transaction failed, so all of it is rolled back")


@contextmanager
def joined() -> Iterator[Session | None]:
    """Give the transaction that this block is to join, or None when it has its own."""
    followed = _whole.get()
    try:
        yield followed.session if followed else None
        if followed:
            followed.session.flush()
    except BaseException:
        if followed:
            followed.failed = True
        raise
