"""Change or delete many rows in batches, each a short transaction of its own.

    bulk.backfill(Message, fill_in_the_slug, where=Message.slug.is_(None), on_progress=print)
    # 500 rows done, up to 500
    # 1,000 rows done, up to 1000 …

    bulk.delete(Message, where=Message.posted_at < last_year)

Both process the table in the order of its primary key. With `max_seconds` they stop earlier (a Lambda function has
15 minutes); continue with `after=progress.last`, or with a `where` that no longer matches the rows that are done.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, inspect, select, true
from sqlalchemy import delete as sql_delete
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import InstrumentedAttribute, Session

from kit.db import database, limits

__all__ = ["SIZE", "Progress", "backfill", "delete"]

SIZE = 500
"""Rows per batch."""
SLOW_SECONDS = 5
"""After a batch that took longer, the batch size is halved, well before the limit of 20 seconds."""


Model = TypeVar("Model")


@dataclass(frozen=True)
class Progress:
    """How far the work has come."""

    done: int
    """Rows changed or deleted."""
    last: Any
    """The key of the last row; continue after it."""
    finished: bool = False
    """Whether no rows are left. `False` if `max_seconds` were over."""

    def __str__(self) -> str:
        return f"{self.done:,} rows done, up to {self.last}"


def backfill(
    model: type[Model],
    change: Callable[[Model], object],
    *,
    where: ColumnElement[bool] | None = None,
    after: Any = None,
    size: int = SIZE,
    max_seconds: float | None = None,
    on_progress: Callable[[Progress], object] | None = None,
) -> Progress:
    """Call `change` with each object that matches `where`, and save what it sets.

    A batch is committed as a whole, or not at all if `change` raises; earlier batches stay committed. Only the rows of
    the current batch are locked.

    change: called with each object.
    where: the rows to change, by default all.
    after: the key to continue after, such as `progress.last`.
    size: rows per batch; halved when a batch took more than `SLOW_SECONDS`.
    max_seconds: start no further batch after this time.
    on_progress: called with the `Progress` after each batch that had rows.

    Returns the last `Progress`. Raises `ValueError` for a model whose primary key has several columns.
    """
    key = _key(model)
    condition = true() if where is None else where

    def work(session: Session, keys: list[Any]) -> int:
        # By key, so that no other row is locked; with the condition, because a row may have changed meanwhile.
        locked = select(model).where(key.in_(keys), condition).order_by(key).with_for_update()
        rows = session.scalars(locked.with_hint(model, "FORCE INDEX (PRIMARY)", "mysql")).all()
        for row in rows:
            change(row)
        return len(rows)

    return _run(key, condition, work, after, size, max_seconds, on_progress)


def delete(
    model: type[Any],
    *,
    where: ColumnElement[bool],
    after: Any = None,
    size: int = SIZE,
    max_seconds: float | None = None,
    on_progress: Callable[[Progress], object] | None = None,
) -> Progress:
    """Delete the rows that match `where`; see `backfill` for the other parameters, the result and the locks."""
    key = _key(model)
    table = mysql.dialect().identifier_preparer.format_table(inspect(model).local_table)

    def work(session: Session, keys: list[Any]) -> int:
        # DELETE has no FORCE INDEX. Source: dev.mysql.com/doc/refman/8.4/en/optimizer-hints.html
        statement = sql_delete(model).where(key.in_(keys), where)
        statement = statement.prefix_with(f"/*+ INDEX({table} PRIMARY) */", dialect="mysql")
        result: Any = session.execute(statement, execution_options={"synchronize_session": False})
        return int(result.rowcount)

    return _run(key, where, work, after, size, max_seconds, on_progress)


def _run(
    key: InstrumentedAttribute[Any],
    condition: ColumnElement[bool],
    work: Callable[[Session, list[Any]], int],
    after: Any,
    size: int,
    max_seconds: float | None,
    on_progress: Callable[[Progress], object] | None,
) -> Progress:
    progress, started = Progress(0, after), limits.clock()
    while not progress.finished:
        if max_seconds is not None and limits.clock() - started >= max_seconds:
            break
        remaining = condition if progress.last is None else condition & (key > progress.last)
        with database.reading() as reader:  # without locks
            keys = list(reader.scalars(select(key).where(remaining).order_by(key).limit(size)))
        if not keys:
            return Progress(progress.done, progress.last, finished=True)
        batch_started = limits.clock()
        with database.session() as session:
            done = work(session, keys)
        progress = Progress(progress.done + done, keys[-1], finished=len(keys) < size)
        if on_progress is not None:
            on_progress(progress)
        if limits.clock() - batch_started > SLOW_SECONDS:
            size = max(1, size // 2)
    return progress


def _key(model: type[Any]) -> InstrumentedAttribute[Any]:
    mapper = inspect(model)
    if len(mapper.primary_key) != 1:
        raise ValueError(f"The primary key of {model.__name__} has several columns; batches need a key of one column.")
    key: InstrumentedAttribute[Any] = getattr(model, mapper.get_property_by_column(mapper.primary_key[0]).key)
    return key
