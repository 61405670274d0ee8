"""The database: one engine a process, and three ways to use it, the same in a request, a job, a script and a test.

    with database.session() as session:         # one transaction: committed at the end, rolled back by an exception
        session.add(Message(text="hello"))

    with database.reading() as session:         # reads alone: no transaction is begun, so none is paid for
        messages = session.scalars(select(Message).limit(20)).all()

    texts = database.rows(select(Message.id, Message.text).limit(20))       # rows, not objects: for what many visit

What was loaded stays readable after the block. See `kit.db.limits` for what a transaction may take.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, TypeVarTuple

from sqlalchemy import Engine, Row, Select, event, make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from kit import settings
from kit.db import connection, limits, transactions
from kit.errors import UsageError

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
    """A session was opened inside another: on Lambda, with its one connection, it would wait for itself."""


@cache
def engine() -> Engine:
    """The process's one engine, for the database that the settings name."""
    config = settings.current()
    return connection.connect(config.database_url, ca=config.database_ca, strict=config.database_limits == "enforce")


@contextmanager
def session() -> Iterator[Session]:
    """Give a session whose block is one transaction; in a job that has a `key`, it is part of the job's one.

    Raises `NestedSession` inside another's block, and `limits.LimitExceeded` for what PlanetScale would refuse.
    """
    with transactions.joined() as whole:
        if whole is not None:
            yield whole
            return
    made = transactions.FollowedSession(_writing(engine()), expire_on_commit=False)
    with _open(made), transactions.follow(made), made.begin():
        yield made


@contextmanager
def reading() -> Iterator[Session]:
    """Give a session that reads without a transaction: each query sees what is committed by then.

    A query that found its connection dropped is asked again on a new one. What it loads cannot be changed through
    it: that raises. Raises `NestedSession` and `limits.LimitExceeded` as `session` does.
    """
    with transactions.joined() as whole:
        if whole is not None:
            yield whole
            return
    with _open(_ReadingSession(_reading(engine()), expire_on_commit=False, autoflush=False)) as opened:
        yield opened
        opened.flush()


def rows(statement: Select[*Columns]) -> Sequence[Row[*Columns]]:
    """Ask once, and give the rows: what a page needs that many visit, in half the time of objects in `reading`.

    In a block of `session` or `reading` it is asked there, and sees what that has done; else it stands alone, as in
    `reading`, and is asked again if its connection was dropped. Raises `limits.LimitExceeded` for too many rows.
    """
    if opened := _opened():
        return opened[0].connection().execute(statement).all()
    with connection.alone(engine()).connect() as asked:
        found = asked.execute(statement).all()
    limits.check_rows(len(found), strict=settings.current().database_limits == "enforce")
    return found


def replace_pool() -> None:
    """Start over with an empty pool, after something was interrupted at a place of its own choosing.

    A job that is stopped by its time limit may be inside the pool, between taking a connection and handing it on. The
    pool then counts a connection that nobody has: on Lambda, where it is the only one, each later session would end in
    a pool timeout. Connections that are in use stay so, and are closed when they are returned.
    """
    if engine.cache_info().currsize and isinstance(engine().pool, QueuePool):  # others don't count theirs
        engine().dispose()


def console() -> Session:
    """Give a session for a person at a prompt: it reads as `reading` does, and stays open beside others.

    What it reads is always what is committed by now, not what was loaded before.
    """
    made = _ReadingSession(_reading(engine()), expire_on_commit=False, autoflush=False)

    @event.listens_for(made, "do_orm_execute")
    def _anew(state: Any) -> None:
        state.update_execution_options(populate_existing=True)

    return made


def address() -> str:
    """The database's URL as a person writes it, without its password."""
    url = engine().url
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def is_planetscale(url: str) -> bool:
    """Whether the URL leads to PlanetScale, where a schema changes by deploy request only."""
    host = make_url(url).host or ""
    return host.endswith(".psdb.cloud")


class _ReadingSession(Session):
    """Refuses to write."""

    def flush(self, objects: Any = None) -> None:
        if self.new or self.deleted or any(self.is_modified(changed) for changed in self.dirty):
            raise RuntimeError("This session is for reading. Change things in a block of database.session().")


@cache
def _writing(of: Engine) -> Engine:
    if of.dialect.name != "sqlite":
        return of
    from kit.db import sqlite

    return of.execution_options(**{sqlite.BEGIN: sqlite.IMMEDIATE})


@cache
def _reading(of: Engine) -> Engine:
    return of.execution_options(**{limits.NO_TRANSACTION: True})


_current: ContextVar[tuple[Session, limits.Place] | None] = ContextVar("session", default=None)


def _opened() -> tuple[Session, limits.Place] | None:
    """The session whose block is running, and where that began; after its commit, others may be opened."""
    found = _current.get()
    committed = found and isinstance(found[0], transactions.FollowedSession) and found[0].committed
    return None if committed else found


@contextmanager
def _open(opened: Session) -> Iterator[Session]:
    if outer := _opened():
        raise NestedSession(
            f"A session is open already, since {outer[1]}. Pass that one on, or end its block first: "
            "on Lambda there is one connection, and a second session would wait for it for ever."
        )
    token = _current.set((opened, limits.Place.of_caller()))
    try:
        with opened:
            yield opened
    finally:
        _current.reset(token)
        _close(opened)


def _close(session: Session) -> None:
    """Close a session, and return its connection to the pool, whatever state its savepoints are in.

    `Session.close` stops at the first savepoint that can't be rolled back (the server has ended its transaction) and
    would keep the connection, which on Lambda is the only one.
    """
    while innermost := session.get_nested_transaction() or session.get_transaction():
        try:
            session.close()
        except SQLAlchemyError:
            if innermost is (session.get_nested_transaction() or session.get_transaction()):
                raise


@contextmanager
def unreachable_explained() -> Iterator[None]:
    """Turn a database that cannot be reached into a `UsageError` that names it, without its password."""
    try:
        yield
    except OperationalError as error:
        where = address()
        raise UsageError(
            f"The database {where} cannot be used: {error.orig}\n"
            "Check DATABASE_URL and that the server runs; without DATABASE_URL a SQLite file in data/ is used."
        ) from error
