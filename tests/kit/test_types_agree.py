"""Values at and around each type's limits: SQLite stores, changes and refuses them as a real MySQL server does.

`TYPE_EXAMPLES` sets how many values are tried; each is written in one of four ways, and read through its type.
"""

import enum
import json
import math
import os
import pickle
import struct
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session, registry

import mysql
from kit.db import connection
from kit.db import types as kit_types
from kit.db.sqlite import strict

EXAMPLES = int(os.environ.get("TYPE_EXAMPLES", "400"))


class Colour(enum.Enum):
    red = "the first"
    green = "the second"


def around(*limits: int) -> st.SearchStrategy[int]:
    return st.sampled_from([limit + step for limit in limits for step in (-1, 0, 1)])


def integers(bits: int) -> st.SearchStrategy[Any]:
    limit = 2 ** (bits - 1)
    near = around(-limit, limit - 1, 0, 2**63, -(2**63), 2**64)
    fractions = st.floats(-limit * 1.1, limit * 1.1).map(lambda value: round(value * 2) / 2)
    return near | st.integers(-limit, limit - 1) | st.integers() | st.booleans() | fractions | halves | words


halves = st.integers(-50, 50).map(lambda number: number / 2)
words = st.sampled_from(["", "abc", "12abc", "12", "-7"])
floats = st.floats() | halves | st.integers(-(2**80), 2**80) | words


def single_floats() -> st.SearchStrategy[Any]:
    bits = st.integers(0, 2**32 - 1).map(lambda number: struct.unpack("<f", struct.pack("<I", number))[0])
    ties = st.integers(100_000, 999_999).map(lambda number: number + 0.5)
    return bits | bits.map(lambda value: math.nextafter(value, math.inf)) | ties | floats


def decimals(precision: int, scale: int) -> st.SearchStrategy[Any]:
    high = Decimal(10) ** (precision - scale)
    step = Decimal(10) ** -scale
    near = st.sampled_from([high - step * Decimal(part) for part in ("0", "0.4", "0.5", "0.6", "1", "2")])
    places = st.integers(0, scale + 2).flatmap(lambda digits: st.decimals(-high * 2, high * 2, places=digits))
    ties = st.integers(-(10**6), 10**6).map(lambda number: (number + Decimal("0.5")) * step)
    values = near | near.map(lambda number: -number) | places | ties
    as_floats = ties.map(float).flatmap(
        lambda tie: st.sampled_from([tie, math.nextafter(tie, math.inf), math.nextafter(tie, -math.inf)])
    )
    return values | as_floats | st.sampled_from([Decimal("NaN"), Decimal("Infinity"), 0, 7, 10**30])


characters = st.characters(exclude_categories=["Cs"]) | st.sampled_from(" \n\t\x0b\x00é😀'\\%:")


def texts(limit: int, *, each: int = 1) -> st.SearchStrategy[Any]:
    """Texts of a length near the limit, of characters with `each` bytes, with anything at their ends."""
    long = st.builds(
        lambda letter, missing, end: letter * (limit // each - missing) + end,
        st.sampled_from("aé漢😀") if each == 1 else st.just({1: "a", 2: "é", 4: "😀"}[each]),
        st.integers(0, 3),
        st.text(st.sampled_from("a é\n 😀"), max_size=6),
    )
    return long | st.text(characters, max_size=min(limit // 4, 30))


def binaries(limit: int) -> st.SearchStrategy[Any]:
    sizes = st.integers(limit - 2, limit + 2)
    return st.binary(max_size=20) | st.builds(lambda size, byte: byte * size, sizes, st.sampled_from([b"\0", b" "]))


def datetimes(zones: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    ends = [datetime.min, datetime.max, datetime.max.replace(microsecond=499_999), datetime(2026, 12, 31, 23, 59, 59)]
    fractions = st.sampled_from([0, 1, 499_999, 500_000, 500_001, 999_499, 999_500, 999_999])
    near = st.builds(lambda value, fraction: value.replace(microsecond=fraction), st.datetimes(), fractions)
    return st.builds(lambda value, zone: value.replace(tzinfo=zone), near | st.sampled_from(ends), zones)


zones = st.sampled_from([None, UTC, timezone(timedelta(hours=9))])
moments = datetimes(zones)
days = st.dates() | st.sampled_from([date.min, date.max])
times = moments.map(lambda moment: moment.timetz())
texts_of_moments = st.builds(
    lambda year, month, day, clock: f"{year:04}-{month:02}-{day:02}{clock}",
    st.sampled_from([1900, 2000, 2023, 2024]) | st.integers(1, 9999),
    st.integers(0, 13),
    st.integers(0, 1) | st.integers(27, 32),
    st.sampled_from(
        ["", " 10:00", "T10:00:00", " 24:00:00", " 23:59:59.5", " 12:60:00", " 12:00:60", " 01:02:03.1234", "x"]
    ),
)
texts_of_times = st.sampled_from(["12:00", "23:59:59", "23:59:59.5", "12:60:00", "12:00:60", "01:02:03.123456", "x"])
durations = (
    st.timedeltas()
    | st.timedeltas(timedelta(days=-900), timedelta(days=900))
    | halves.map(lambda seconds: timedelta(seconds=seconds))
)


def documents(numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Values of JSON's types, with these floating point numbers."""
    edges = st.sampled_from([-(2**63) - 1, -(2**63), 2**63, 2**64 - 1, 2**64, "\ud800", "\U0001f600"])
    scalars = st.none() | st.booleans() | st.integers() | edges | numbers | st.text(characters)
    nested = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(characters), inner))
    return nested | st.sampled_from([98, 99, 100, 101]).map(lambda depth: json.loads("[" * depth + "]" * depth))


def is_unsigned(value: Any) -> bool:
    """Whether a document is a number that MySQL keeps and SQLite refuses, as the docs say."""
    return isinstance(value, int) and 2**63 <= value < 2**64


pickles = st.sampled_from([3, 65_400, 65_600]).map(lambda size: pickle.dumps("a" * size))


class Case(NamedTuple):
    """A type, and values for it; `raw` are those for a statement as text, which knows no types."""

    type: Any
    values: st.SearchStrategy[Any]
    raw: st.SearchStrategy[Any] | None = None


CASES = [
    Case(sa.SmallInteger(), integers(16)),
    Case(sa.Integer(), integers(32)),
    Case(sa.BigInteger(), integers(64)),
    Case(sa.Float(), single_floats()),
    Case(sa.Float(53), floats),
    Case(sa.Double(), floats),
    Case(sa.Numeric(), decimals(10, 0)),
    Case(sa.Numeric(6, 2), decimals(6, 2)),
    Case(sa.Numeric(15, 4), decimals(15, 4)),
    Case(sa.Numeric(12, 12), decimals(12, 12)),
    Case(sa.Numeric(8, 3, asdecimal=False), decimals(8, 3)),
    Case(sa.Boolean(), st.sampled_from([True, False, 0, 1, 2]), st.booleans() | around(0, -128, 127)),
    Case(sa.String(10), texts(10)),
    Case(sa.Unicode(255), texts(255)),
    Case(sa.CHAR(7), texts(7)),
    Case(sa.Text(200), texts(255)),
    Case(sa.Text(), texts(65_535) | texts(65_535, each=2) | texts(65_535, each=4)),
    Case(sa.UnicodeText(), texts(65_535)),
    Case(sa.LargeBinary(), binaries(65_535), binaries(65_535) | texts(65_535)),
    Case(sa.LargeBinary(200), binaries(255)),
    Case(sa.PickleType(), documents(halves) | st.sampled_from([65_400, 65_600]).map(lambda size: "a" * size), pickles),
    Case(sa.Date(), days | moments, days | moments | texts_of_moments),
    Case(sa.DateTime(), moments | days, moments | days | texts_of_moments),
    Case(sa.Time(), times, times | texts_of_times),
    Case(sa.Interval(), durations, moments),
    Case(sa.Enum(Colour), st.sampled_from([*Colour, "red", "blue", ""]), st.sampled_from(["red", "green", "blue", ""])),
    Case(sa.Enum("a", "it's", "b c", "{d}"), st.sampled_from(["a", "it's", "b c", "{d}", "A", "", "c"])),
    Case(sa.Enum("a", "b", native_enum=False, length=3), st.sampled_from(["a", "b", "c", "abcd"])),
    Case(sa.Uuid(), st.uuids(), st.uuids().map(lambda value: value.hex) | texts(32)),
    Case(sa.Uuid(as_uuid=False), st.uuids().map(str), st.uuids().map(lambda value: value.hex)),
    Case(
        sa.JSON(),
        documents(st.floats()).filter(lambda value: not is_unsigned(value)),
        st.sampled_from(["[NaN]", "x", "", "5", "null", '{"b": [1.5], "a": ""}', "[1"]),
    ),
    Case(kit_types.UtcDateTime(), moments, datetimes(st.none()) | texts_of_moments),
    Case(kit_types.TimeOfDay(), times, times | texts_of_times),
    Case(kit_types.Duration(), durations, integers(64)),
    Case(kit_types.ExactDecimal(), decimals(15, 4)),
    Case(kit_types.ExactDecimal(5, 2), decimals(5, 2)),
]
metadata = sa.MetaData()
TABLES = [
    sa.Table(
        f"t{number}",
        metadata,
        sa.Column("id", kit_types.BigKey, primary_key=True),
        sa.Column("value", case.type),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
    )
    for number, case in enumerate(CASES)
]
MODELS = [type(f"Model{number}", (), {}) for number in range(len(CASES))]
mapper_registry = registry()
for model, table in zip(MODELS, TABLES, strict=True):
    mapper_registry.map_imperatively(model, table)


@pytest.fixture(scope="module")
def engines(mysql_server: mysql.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[sa.Engine]]:
    server = mysql_server.with_database("types_agree")
    sqlite = connection.connect(f"sqlite:///{tmp_path_factory.mktemp('types')}/types.db")
    both = [sqlite, connection.connect(server.url(), ca=server.ca)]
    for engine in both:
        metadata.create_all(engine)
    with sqlite.begin() as opened:
        strict.create(opened, metadata)
    yield both
    for engine in both:
        engine.dispose()


def written(engine: sa.Engine, number: int, way: str, value: Any) -> Any:
    """Write a value in one of four ways, and return it as it is read, or the class of the error."""
    table = TABLES[number]
    try:
        with Session(engine) as session:
            if way == "orm":
                session.add(entity := MODELS[number]())
                entity.value = value
            elif way == "core":
                session.connection().execute(table.insert().values(value=value))
            elif way == "bulk":
                session.connection().execute(table.insert(), [{"value": value}, {"value": value}])
            else:
                session.execute(sa.text(f"INSERT INTO {table.name} (value) VALUES (:value)"), {"value": value})
            session.flush()
            return "stored", session.scalars(sa.select(table.c.value).order_by(table.c.id.desc())).first()
    except (sa.exc.SQLAlchemyError, TypeError, ValueError, LookupError, OverflowError) as error:
        return "refused", type(error).__name__


@st.composite
def writings(draw: st.DrawFn) -> tuple[int, str, Any]:
    number = draw(st.integers(0, len(CASES) - 1))
    way = draw(st.sampled_from(["orm", "core", "bulk", "raw"]))
    case = CASES[number]
    return number, way, draw(case.raw if way == "raw" and case.raw is not None else case.values)


NO_COLUMN_TYPES = {sa.TypeDecorator, sa.TupleType}


def test_every_generic_type_is_among_the_cases() -> None:
    exported = {value for name, value in vars(sa).items() if isinstance(value, type) and not name.isupper()}
    generic = {value for value in exported if issubclass(value, sa.types.TypeEngine)} - NO_COLUMN_TYPES
    assert sa.Uuid in generic
    assert {type(case.type) for case in CASES} >= generic


def test_sqlite_and_mysql_store_and_refuse_the_same(engines: list[sa.Engine]) -> None:
    sqlite, server = engines

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )  # fmt: skip
    @given(writings())
    def check(writing: tuple[int, str, Any]) -> None:
        number, way, value = writing
        on_sqlite, on_mysql = written(sqlite, number, way, value), written(server, number, way, value)
        assert on_sqlite == on_mysql, f"{CASES[number].type!r}, {way}, {value!r}: {on_sqlite} / {on_mysql}"

    check()
