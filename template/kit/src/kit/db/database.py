"""The database: one engine per process, and three ways to use it in requests, jobs, scripts and tests.

    with database.session() as session:         # one transaction: committed at the end, rolled back by an exception
        session.add(Message(text="hello"))

    with database.reading() as session:         # only reads, without the cost of a transaction
        messages = session.scalars(select(Message).limit(20)).all()

    texts = database.rows(select(Message.id, Message.text).limit(20))       # rows instead of objects: the fastest

Loaded objects stay readable after the block. See `kit.db.limits` for the limits of a transaction.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, TypeVarTuple

from sqlalchemy import Engine, Row, Select, event, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from kit import settings
from kit.db import connection, limits, transactions

__all__ = [
    "NestedSession",
    "address",
    "console",
    "engine",
    "is_planetscale",
    "reading",
    "replace_pool",
    "rows",
    "session",
]


Columns = TypeVarTuple("Columns")


class NestedSession(RuntimeError):
    """A session was opened inside another one. On Lambda, with its single connection, it would wait for itself."""


@cache
def engine() -> Engine:
    """Return the process's only engine, for the database in the settings."""
    config = settings.current()
    strict = config.database_limits == "enforce"
    return connection.connect(config.database_url, ca=config.database_ca, strict=strict, renew=_renewed)


def _renewed(refused: str) -> str | None:
    from kit.db import rotation  # a cold start does without it

    return rotation.instead_of(refused)


@contextmanager
def session() -> Iterator[Session]:
    """Open a session whose block is one transaction. In a job with an idempotency key it joins the job's transaction.

    Raises `NestedSession` inside the block of another session, and `limits.LimitExceeded` for what PlanetScale would
    refuse.
    """
    with transactions.joined() as outer:
        if outer is not None:
            yield outer
            return
    opened = transactions.TrackedSession(_writing(engine()), expire_on_commit=False)
    with _open(opened), transactions.track(opened), opened.begin():
        yield opened


@contextmanager
def reading() -> Iterator[Session]:
    """Open a session that reads without a transaction: each query sees what is committed by then.

    A query whose connection was dropped is sent again on a new one. Changing what was loaded raises `RuntimeError`.
    Raises `NestedSession` and `limits.LimitExceeded` as `session` does.
    """
    with transactions.joined() as outer:
        if outer is not None:
            yield outer
            return
    with _open(_ReadingSession(_reading(engine()), expire_on_commit=False, autoflush=False)) as opened:
        yield opened
        opened.flush()


def rows(statement: Select[*Columns]) -> Sequence[Row[*Columns]]:
    """Run one query and return its rows, in half the time that objects in `reading` take.

    In a block of `session` or `reading` the query is part of that block, and sees its changes. Elsewhere it stands
    alone, as in `reading`, and is sent again if its connection was dropped.

    Raises `limits.LimitExceeded` for too many rows.
    """
    if current := _open_session():
        return current[0].connection().execute(statement).all()
    with connection.standalone(engine()).connect() as connected:
        result = connected.execute(statement).all()
    limits.check_rows(len(result), strict=settings.current().database_limits == "enforce")
    return result


def replace_pool() -> None:
    """Start over with an empty pool after code was interrupted at an arbitrary point.

    A job that is stopped by its time limit may be inside the pool, between taking a connection and returning it to its
    caller. The pool then counts a connection that nobody has. On Lambda, where it is the only one, each later session
    would end in a pool timeout. Connections in use stay usable, and are closed when they are returned.
    """
    if engine.cache_info().currsize and isinstance(engine().pool, QueuePool):  # other pools don't count connections
        engine().dispose()


def console() -> Session:
    """Return a session for an interactive prompt: it reads as `reading` does, and stays open beside others.

    Its queries always show what is committed by now, also for objects that were loaded before.
    """
    session = _ReadingSession(_reading(engine()), expire_on_commit=False, autoflush=False)

    @event.listens_for(session, "do_orm_execute")
    def _refresh(state: Any) -> None:
        state.update_execution_options(populate_existing=True)

    return session


def address() -> str:
    """Return the database's URL as a user writes it, without its password."""
    url = engine().url
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def is_planetscale(url: str) -> bool:
    """Whether the URL is of a PlanetScale database, whose schema is changed only by deploy requests."""
    host = make_url(url).host or ""
    return host.endswith(".psdb.cloud")


class _ReadingSession(Session):
    def flush(self, objects: Any = None) -> None:
        if self.new or self.deleted or any(self.is_modified(changed) for changed in self.dirty):
            raise RuntimeError("This session only reads. Write in a block of database.session() instead.")


@cache
def _writing(engine: Engine) -> Engine:
    if engine.dialect.name != "sqlite":
        return engine
    from kit.db.sqlite import transactions as sqlite

    return engine.execution_options(**{sqlite.BEGIN: sqlite.IMMEDIATE})


@cache
def _reading(engine: Engine) -> Engine:
    return engine.execution_options(**{limits.NO_TRANSACTION: True})


_current: ContextVar[tuple[Session, limits.SourceLocation] | None] = ContextVar("session", default=None)


def _open_session() -> tuple[Session, limits.SourceLocation] | None:
    """The session whose block is running, and where that began; after its commit, others may be opened."""
    current = _current.get()
    committed = current and isinstance(current[0], transactions.TrackedSession) and current[0].committed
    return None if committed else current


@contextmanager
def _open(session: Session) -> Iterator[Session]:
    if outer := _open_session():
        raise NestedSession(
            f"A session is already open, since {outer[1]}. Pass that one on, or end its block first: "
            "on Lambda there is one connection, and a second session would wait for it forever."
        )
    token = _current.set((session, limits.SourceLocation.of_caller()))
    try:
        with session:
            yield session
    finally:
        _current.reset(token)
        _close(session)


def _close(session: Session) -> None:
    """Close a session and return its connection to the pool, whatever state its savepoints are in.

    `Session.close` stops at the first savepoint that can't be rolled back, because the server has ended the
    transaction, and would keep the connection.
    """
    while innermost := session.get_nested_transaction() or session.get_transaction():
        try:
            session.close()
        except SQLAlchemyError:
            if innermost is (session.get_nested_transaction() or session.get_transaction()):
                raise
