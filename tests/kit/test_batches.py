"""Many rows, a short transaction at a time."""

from collections.abc import Iterator

import pytest
from sqlalchemy import String, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from kit import batches, database, limits


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


def test_a_backfill_reports_each_batch_and_reaches_every_row() -> None:
    reported = [(progress.done, progress.last) for progress in batches.backfill(Item, fill)]
    assert reported == [(500, 500), (1000, 1000), (1050, 1050)]
    assert missing() == 0


def test_a_backfill_that_breaks_off_keeps_its_batches_and_goes_on_from_there() -> None:
    def fails_at_700(item: Item) -> None:
        if item.id == 700:
            raise ValueError("no slug for this one")
        fill(item)

    last = None
    with pytest.raises(ValueError, match="no slug"):
        for progress in batches.backfill(Item, fails_at_700):
            last = progress.last
    assert (last, missing()) == (500, 550)
    assert [str(progress) for progress in batches.backfill(Item, fill, after=last, size=1000)] == [
        "550 rows done, up to 1050"
    ]
    assert missing() == 0


def test_one_may_leave_the_loop_and_the_condition_finds_the_rest() -> None:
    for _ in batches.backfill(Item, fill, where=Item.slug.is_(None)):
        break
    assert missing() == 550
    assert sum(1 for _ in batches.backfill(Item, fill, where=Item.slug.is_(None))) == 2
    assert missing() == 0


def test_a_delete_takes_only_what_was_meant() -> None:
    reported = [progress.done for progress in batches.delete(Item, where=Item.id % 2 == 0, size=200)]
    assert reported == [200, 400, 525]
    with database.reading() as session:
        assert session.scalars(select(Item.id).limit(3)).all() == [1, 3, 5]


def test_slow_batches_become_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(limits, "clock", lambda: now)

    def slowly(item: Item) -> None:
        nonlocal now
        now += 0.012  # 500 of them take 6 s
        fill(item)

    assert [progress.done for progress in batches.backfill(Item, slowly)] == [500, 750, 1000, 1050]


def test_a_key_of_several_columns_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="Pair has a key of several columns"):
        next(batches.delete(Pair, where=Pair.a == 1))
