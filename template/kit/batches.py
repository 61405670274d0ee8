"""Changing or deleting many rows, a batch at a time: each batch is a short transaction of its own.

    for progress in batches.backfill(Message, fill_in_the_slug, where=Message.slug.is_(None)):
        print(progress)                                     # 500 rows done, up to id 500

    for progress in batches.delete(Message, where=Message.posted_at < last_year):
        ...

Both go through the table in the order of its key. Leave the loop whenever you like (a Lambda has 15 minutes) and go
on later with `after=progress.last`; a `where` that no longer holds for rows that are done makes even that needless.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, inspect, select, true
from sqlalchemy import delete as sql_delete
from sqlalchemy.orm import InstrumentedAttribute

from kit import database, limits

SIZE = 500
SLOW_SECONDS = 5
"""A batch that takes longer is followed by one of half its size, far away from the limit of 20 seconds."""


Model = TypeVar("Model")


@dataclass(frozen=True)
class Progress:
    """How far it has come: rows done in all, and the key of the last one."""

    done: int
    last: Any

    def __str__(self) -> str:
        return f"{self.done:,} rows done, up to {self.last}"


def backfill(
    model: type[Model],
    change: Callable[[Model], object],
    *,
    where: ColumnElement[bool] | None = None,
    after: Any = None,
    size: int = SIZE,
) -> Iterator[Progress]:
    """Call `change` with each row that `where` holds for, and keep what it sets; a progress for each batch.

    A batch is kept whole or, when `change` raises, not at all; the batches before it stay.
    """
    key = _key(model)

    def work(session: Any, first: Any, count: int) -> list[Any]:
        chosen = select(model).where(_from(key, first, where)).order_by(key).limit(count).with_for_update()
        rows = session.scalars(chosen).all()
        for row in rows:
            change(row)
        return [getattr(row, key.key) for row in rows]

    return _batches(work, after, size)


def delete(model: type[Any], *, where: ColumnElement[bool], after: Any = None, size: int = SIZE) -> Iterator[Progress]:
    """Delete the rows that `where` holds for; a progress for each batch."""
    key = _key(model)

    def work(session: Any, first: Any, count: int) -> list[Any]:
        keys = session.scalars(select(key).where(_from(key, first, where)).order_by(key).limit(count)).all()
        if keys:  # the condition again: a row may have changed in between
            session.execute(sql_delete(model).where(key.in_(keys), where), execution_options=_PLAIN)
        return list(keys)

    return _batches(work, after, size)


_PLAIN = {"synchronize_session": False}


def _batches(work: Callable[[Any, Any, int], list[Any]], last: Any, size: int) -> Iterator[Progress]:
    done = 0
    while True:
        begun = limits.clock()
        with database.session() as session:
            keys = work(session, last, size)
        took = limits.clock() - begun
        if keys:
            done, last = done + len(keys), keys[-1]
            yield Progress(done, last)
        if len(keys) < size:
            return
        if took > SLOW_SECONDS:
            size = max(1, size // 2)


def _key(model: type[Any]) -> InstrumentedAttribute[Any]:
    mapper = inspect(model)
    if len(mapper.primary_key) != 1:
        raise ValueError(f"{model.__name__} has a key of several columns; batches go in the order of one column.")
    found: InstrumentedAttribute[Any] = getattr(model, mapper.get_property_by_column(mapper.primary_key[0]).key)
    return found


def _from(key: Any, first: Any, where: ColumnElement[bool] | None) -> ColumnElement[bool]:
    condition = true() if where is None else where
    return condition if first is None else condition & (key > first)
