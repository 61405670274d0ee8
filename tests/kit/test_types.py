"""The kit's column types: what they keep, what they refuse, and how a migration names them."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql as mysql_dialect
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from kit import references, settings
from kit.db import connection, tables
from kit.db.schema import new_migration
from kit.db.types import BY_ANNOTATION, BigKey, Duration, ExactDecimal, TimeOfDay, UtcDateTime
from rendering import TEMPLATE


class Base(DeclarativeBase):
    type_annotation_map = BY_ANNOTATION


class Visit(Base):
    __tablename__ = "visits"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    name: Mapped[str | None]
    latitude: Mapped[float | None]
    price: Mapped[Decimal | None]
    began_at: Mapped[datetime | None]
    opens: Mapped[time | None]
    lasted: Mapped[timedelta | None]
    photo: Mapped[bytes | None]
    token: Mapped[UUID | None]
    tax: Mapped[Decimal | None] = mapped_column(ExactDecimal(5, 2))


@pytest.fixture(params=["sqlite", "mysql"])
def engine(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    """A database with the table of `Visit`."""
    if request.param == "mysql":
        server = request.getfixturevalue("mysql_server").with_database("types")
        engine = connection.connect(server.url(), ca=server.ca)
    else:
        engine = connection.connect(f"sqlite:///{tmp_path}/test.db")
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


KEPT: dict[str, list[Any]] = {
    "name": ["a" * 255, "é😀", ""],
    "latitude": [35.6812405, 0.1 + 0.2, 1e300],
    "price": [Decimal("12345.678"), Decimal("-0.0001"), Decimal("99999999999.9999"), 7],
    "tax": [Decimal("999.99"), Decimal("1.50"), Decimal("1.500")],
    "began_at": [datetime(2026, 1, 1, 12, 0, 0, 999_999, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)],
    "opens": [time(1, 2, 3, 400_000), time(23, 59, 59, 999_999)],
    "lasted": [timedelta(seconds=90.5), timedelta(microseconds=-1), timedelta(days=40_000)],
    "photo": [b"\0\xff"],
    "token": [UUID(int=7)],
}
REFUSED: dict[str, list[Any]] = {
    "price": [Decimal("0.00001"), Decimal(100000000000), Decimal("NaN"), 0.1],
    "tax": [Decimal("1.005"), Decimal(1000)],
    "began_at": [datetime(2026, 1, 1)],
    "opens": [time(1, 2, tzinfo=UTC)],
    "lasted": [timedelta.max],
}


def test_what_is_not_refused_is_kept_as_it_is(engine: sa.Engine) -> None:
    for name, values in KEPT.items():
        for value in values:
            with Session(engine) as session:
                session.add(Visit(**{name: value}))
                session.flush()
                assert session.scalar(sa.select(getattr(Visit, name))) == value, name


def test_what_cannot_be_kept_is_refused(engine: sa.Engine) -> None:
    for name, values in REFUSED.items():
        for value in values:
            with Session(engine) as session, pytest.raises(StatementError, match=r"ValueError|TypeError"):
                session.add(Visit(**{name: value}))
                session.flush()


def test_a_point_in_time_is_stored_in_utc(engine: sa.Engine) -> None:
    with Session(engine) as session:
        session.add(Visit(began_at=datetime(2026, 1, 1, 9, tzinfo=timezone(timedelta(hours=9)))))
        session.flush()
        assert session.scalar(sa.select(Visit.began_at)) == datetime(2026, 1, 1, tzinfo=UTC)


def test_durations_and_decimals_are_compared_and_added_by_the_database(engine: sa.Engine) -> None:
    with Session(engine) as session:
        session.add_all(Visit(lasted=timedelta(minutes=number), price=Decimal(number) / 4) for number in (1, 2, 90))
        session.flush()
        assert session.scalar(sa.select(sa.func.sum(Visit.lasted))) == timedelta(minutes=93)
        assert session.scalar(sa.select(sa.func.sum(Visit.price))) == Decimal("23.25")
        assert session.scalar(sa.select(sa.func.count()).where(Visit.lasted > timedelta(hours=1))) == 1
        assert session.scalar(sa.select(sa.func.count()).where(Visit.price > Decimal("0.250001"))) == 2
        assert session.scalar(sa.select(sa.func.count()).where(Visit.price < 0.3)) == 1


@pytest.mark.parametrize("arguments", [(16, 2), (4, 5), (4, -1)])
def test_an_exact_decimal_has_no_more_digits_than_sqlite_keeps(arguments: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="precision is at most 15"):
        ExactDecimal(*arguments)


def test_a_number_that_is_too_large_is_answered_with_the_digits_that_fit() -> None:
    with pytest.raises(ValueError, match=r"the 3 digits that ExactDecimal\(5, 2\) takes before the decimal point"):
        ExactDecimal(5, 2).process_bind_param(Decimal(1000), mysql_dialect.dialect())


def test_annotations_become_these_columns_on_mysql() -> None:
    compiled = {column.name: column.type.compile(mysql_dialect.dialect()) for column in Visit.__table__.columns}
    assert compiled == {
        "id": "BIGINT",
        "name": "VARCHAR(255)",
        "latitude": "DOUBLE",
        "price": "NUMERIC(15, 4)",
        "began_at": "DATETIME(6)",
        "opens": "TIME(6)",
        "lasted": "BIGINT",
        "photo": "BLOB",
        "token": "CHAR(32)",
        "tax": "NUMERIC(5, 2)",
    }


def test_a_migration_names_the_kits_types_and_finds_no_difference_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "PROJECT", tmp_path)
    (tmp_path / "migrations").mkdir()
    for name in ("env.py", "script.py.mako"):
        (tmp_path / "migrations" / name).write_text((TEMPLATE / "migrations" / name).read_text())
    (tmp_path / "migrations" / "versions").mkdir()
    metadata = sa.MetaData()
    monkeypatch.setattr(references, "load", lambda _: metadata)
    monkeypatch.setattr(tables, "metadata", sa.MetaData())
    sa.Table(
        "visits",
        metadata,
        sa.Column("id", BigKey, primary_key=True),
        sa.Column("began_at", UtcDateTime()),
        sa.Column("opens", TimeOfDay()),
        sa.Column("lasted", Duration()),
        sa.Column("tax", ExactDecimal(5, 2)),
    )
    file = new_migration.write("visits")
    assert file is not None
    text = file.read_text()
    assert "from kit.db.types import Duration, ExactDecimal, TimeOfDay, UtcDateTime" in text
    for column in (
        '"began_at", UtcDateTime()',
        '"opens", TimeOfDay()',
        '"lasted", Duration()',
        '"tax", ExactDecimal(5, 2)',
    ):
        assert f"sa.Column({column}" in text
    assert new_migration.write("nothing more") is None
