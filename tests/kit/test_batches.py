"""Many rows, a short transaction at a time."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import String, func, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from kit.db import bulk, database, limits


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20))
    slug: Mapped[str | None] = mapped_column(String(20))


class Pair(Base):
    __tablename__ = "pairs"

    a: Mapped[int] = mapped_column(primary_key=True)
    b: Mapped[int] = mapped_column(primary_key=True)


@pytest.fixture(autouse=True)
def _items(project: None, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/test.db")
    Base.metadata.create_all(database.engine())
    with database.session() as session:
        session.add_all(Item(name=f"Item {number}") for number in range(1, 1051))
    yield


def fill(item: Item) -> None:
    item.slug = item.name.lower().replace(" ", "-")


def missing() -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).where(Item.slug.is_(None))) or 0


class Reported(list[tuple[int, object]]):
    """Records the progress that is reported to it."""

    def __call__(self, progress: bulk.Progress) -> None:
        self.append((progress.done, progress.last))


@pytest.fixture
def reported() -> Reported:
    return Reported()


def test_a_backfill_reports_each_batch_and_reaches_every_row(reported: Reported) -> None:
    progress = bulk.backfill(Item, fill, on_progress=reported)
    assert reported == [(500, 500), (1000, 1000), (1050, 1050)]
    assert progress == bulk.Progress(1050, 1050, finished=True)
    assert str(progress) == "1,050 rows done, up to 1050"
    assert missing() == 0


def test_a_backfill_whose_last_batch_is_full_is_finished() -> None:
    assert bulk.backfill(Item, fill, size=350) == bulk.Progress(1050, 1050, finished=True)
    assert missing() == 0


def test_a_backfill_that_fails_keeps_its_batches_and_continues_from_there(reported: Reported) -> None:
    def fails_at_700(item: Item) -> None:
        if item.id == 700:
            raise ValueError("no slug for this one")
        fill(item)

    with pytest.raises(ValueError, match="no slug"):
        bulk.backfill(Item, fails_at_700, on_progress=reported)
    assert (reported, missing()) == ([(500, 500)], 550)
    assert bulk.backfill(Item, fill, after=500, size=1000) == bulk.Progress(550, 1050, finished=True)
    assert missing() == 0


@pytest.mark.parametrize("continued", ["after the last key", "by the condition"])
def test_a_backfill_stops_in_time_and_is_continued(monkeypatch: pytest.MonkeyPatch, continued: str) -> None:
    now = 0.0
    monkeypatch.setattr(limits, "clock", lambda: now)

    def slowly(item: Item) -> None:
        nonlocal now
        now += 0.004  # 500 of them take 2 s
        fill(item)

    progress = bulk.backfill(Item, slowly, max_seconds=3)
    assert progress == bulk.Progress(1000, 1000, finished=False)
    after, where = (progress.last, None) if continued == "after the last key" else (None, Item.slug.is_(None))
    assert bulk.backfill(Item, slowly, after=after, where=where, max_seconds=3).finished
    assert missing() == 0


def test_a_delete_deletes_when_it_is_called_and_only_what_was_meant(reported: Reported) -> None:
    progress = bulk.delete(Item, where=Item.id % 2 == 0, size=200, on_progress=reported)
    assert reported == [(200, 400), (400, 800), (525, 1050)]
    assert progress == bulk.Progress(525, 1050, finished=True)
    with database.reading() as session:
        assert session.scalars(select(Item.id).limit(3)).all() == [1, 3, 5]


def test_a_row_that_no_longer_matches_when_its_turn_comes_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def change_meanwhile() -> None:
        with database.session() as session:
            session.execute(update(Item).where(Item.id == 3).values(slug="by hand"))

    at_the_lock(monkeypatch, change_meanwhile)
    assert bulk.backfill(Item, fill, where=Item.slug.is_(None), size=1050).done == 1049
    with database.reading() as session:
        assert session.scalar(select(Item.slug).where(Item.id == 3)) == "by hand"
    at_the_lock(monkeypatch, change_meanwhile)
    assert bulk.delete(Item, where=Item.slug != "by hand", size=1050).done == 1049


def at_the_lock(monkeypatch: pytest.MonkeyPatch, action: Callable[[], None]) -> None:
    """Call `action` once, after the first keys are read and before their rows are locked."""
    session, pending = database.session, [action]

    def opened() -> AbstractContextManager[Session]:
        if pending:
            pending.pop()()
        return session()

    monkeypatch.setattr(database, "session", opened)


def test_slow_batches_become_smaller(monkeypatch: pytest.MonkeyPatch, reported: Reported) -> None:
    now = 0.0
    monkeypatch.setattr(limits, "clock", lambda: now)

    def slowly(item: Item) -> None:
        nonlocal now
        now += 0.012  # 500 of them take 6 s
        fill(item)

    bulk.backfill(Item, slowly, on_progress=reported)
    assert [done for done, _ in reported] == [500, 750, 1000, 1050]


def test_a_key_of_several_columns_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="The primary key of Pair has several columns"):
        bulk.delete(Pair, where=Pair.a == 1)
