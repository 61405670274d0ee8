"""What hangs on a transaction: what is done once it is committed, and blocks that join a larger one.

`kit.db.database.session` calls `joined` and `follow`; the jobs ask `current` and leave work with `after_commit`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy import Connection, event
from sqlalchemy.orm import Session

_current: ContextVar["Followed | None"] = ContextVar("transaction", default=None)
_whole: ContextVar["Followed | None"] = ContextVar("whole_transaction", default=None)


class RolledBack(RuntimeError):
    """One block of a transaction failed, so none of it is kept."""


class Followed:
    """A session, and what waits for its commit."""

    def __init__(self, session: "FollowedSession") -> None:
        self.session = session
        self.connection: Connection | None = None
        self.failed = False
        self.waiting: list[Callable[[], None]] = []
        self.savepoints: dict[str, int] = {}
        """How many actions were waiting when each savepoint was set."""


class FollowedSession(Session):
    """The class is listened to once, because listening to each session would take longer than opening it."""

    committed = False
    """Whether the whole transaction is committed, not only a savepoint released."""


@event.listens_for(FollowedSession, "after_commit")
def _committed(session: FollowedSession) -> None:
    session.committed = not session.in_nested_transaction()  # the event is also sent when a savepoint is released


class FollowsSavepoints:
    """Mixed into a dialect, forgets what waits for a commit when the savepoint around it is rolled back.

    A dialect is told of every savepoint by its name, whether a session or a connection sets it; the event that an
    engine has for it comes without the name.
    """

    def do_savepoint(self, connection: Connection, name: str) -> None:
        super().do_savepoint(connection, name)  # type: ignore[misc]
        followed = _current.get()
        if followed and followed.connection is connection:
            followed.savepoints[name] = len(followed.waiting)

    def do_rollback_to_savepoint(self, connection: Connection, name: str) -> None:
        followed = _current.get()
        if followed and followed.connection is connection:
            del followed.waiting[followed.savepoints.get(name, 0) :]  # unknown: it was set before the first action
        super().do_rollback_to_savepoint(connection, name)  # type: ignore[misc]


def current() -> Session | None:
    """The session whose block is running, if any, until it is committed."""
    found = _current.get()
    return found.session if found and not found.session.committed else None


def after_commit(action: Callable[[], None]) -> None:
    """Call `action` after the running block, if it is committed, and with it the savepoints that are open now."""
    found = _current.get()
    if found is None:
        raise RuntimeError("no transaction is open; use it inside `with database.session():`")
    found.connection = found.session.connection()  # sets the savepoints that the session has put off so far
    found.waiting.append(action)


@contextmanager
def follow(session: FollowedSession) -> Iterator[None]:
    """Make this session the current one; after its block, call what waited for the commit."""
    followed = Followed(session)
    token = _current.set(followed)
    try:
        yield
    finally:
        _current.reset(token)
    if session.committed:
        for action in followed.waiting:
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
