"""Actions that wait for a transaction's commit, and blocks that join a larger transaction.

`kit.db.database.session` calls `joined` and `track`. Jobs call `current`, and leave actions with `after_commit`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy import Connection, event
from sqlalchemy.orm import Session

_current: ContextVar["_Tracked | None"] = ContextVar("transaction", default=None)
_joinable: ContextVar["_Tracked | None"] = ContextVar("joinable_transaction", default=None)


class RolledBack(RuntimeError):
    """A block of a joined transaction failed, so all of it is rolled back."""


class TrackedSession(Session):
    """A separate class, so that one listener serves all: adding one to each session takes longer than opening it."""

    committed = False
    """Whether the transaction is committed, and not only a savepoint released."""


class _Tracked:
    """A session, and the actions that wait for its commit."""

    def __init__(self, session: TrackedSession) -> None:
        self.session = session
        self.connection: Connection | None = None
        self.failed = False
        self.actions: list[Callable[[], None]] = []
        self.savepoints: dict[str, int] = {}
        """The number of waiting actions when each savepoint was set."""


@event.listens_for(TrackedSession, "after_commit")
def _note_commit(session: TrackedSession) -> None:
    session.committed = not session.in_nested_transaction()  # the event is also sent when a savepoint is released


class SavepointTracking:
    """A mixin for dialects: when a savepoint is rolled back, the actions that were left since it are dropped.

    A dialect gets the name of every savepoint, whether a session or a connection sets it; the engine's event for
    savepoints has no name.
    """

    def do_savepoint(self, connection: Connection, name: str) -> None:
        super().do_savepoint(connection, name)  # type: ignore[misc]
        tracked = _current.get()
        if tracked and tracked.connection is connection:
            tracked.savepoints[name] = len(tracked.actions)

    def do_rollback_to_savepoint(self, connection: Connection, name: str) -> None:
        tracked = _current.get()
        if tracked and tracked.connection is connection:
            del tracked.actions[tracked.savepoints.get(name, 0) :]  # unknown: set before the first action was left
        super().do_rollback_to_savepoint(connection, name)  # type: ignore[misc]


def current() -> Session | None:
    """The session whose block is running, until it is committed; `None` outside of a block."""
    tracked = _current.get()
    return tracked.session if tracked and not tracked.session.committed else None


def after_commit(action: Callable[[], None]) -> None:
    """Call `action` after the running block if that is committed, and with it every savepoint that is open now.

    Raises `RuntimeError` outside of a block.
    """
    tracked = _current.get()
    if tracked is None:
        raise RuntimeError("No transaction is open. Call this inside `with database.session():`")
    tracked.connection = tracked.session.connection()  # sets the savepoints that the session has deferred so far
    tracked.actions.append(action)


@contextmanager
def track(session: TrackedSession) -> Iterator[None]:
    """Make this session the current one, and call its actions after the block if it was committed."""
    tracked = _Tracked(session)
    token = _current.set(tracked)
    try:
        yield
    finally:
        _current.reset(token)
    if session.committed:
        for action in tracked.actions:
            action()


@contextmanager
def joining() -> Iterator[None]:
    """Let every `database.session()` in this block join the transaction that is open now.

    If one of them fails, the transaction can no longer be committed, even if the error is caught: raises `RolledBack`
    at the end of the block. Raises `RuntimeError` if no transaction is open.
    """
    tracked = _current.get()
    if tracked is None:
        raise RuntimeError("No transaction is open. Call this inside `with database.session():`")
    token = _joinable.set(tracked)
    try:
        yield
    finally:
        _joinable.reset(token)
    if tracked.failed:
        raise RolledBack("A block of this transaction failed, so all of it is rolled back.")


@contextmanager
def joined() -> Iterator[Session | None]:
    """Yield the session that this block has to join, or `None` if it has its own transaction."""
    tracked = _joinable.get()
    try:
        yield tracked.session if tracked else None
        if tracked:
            tracked.session.flush()
    except BaseException:
        if tracked:
            tracked.failed = True
        raise
