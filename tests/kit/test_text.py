"""Text on SQLite answers as MySQL does (test_text_mysql.py compares them), and `CaseInsensitive`."""

import sqlite3
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Engine, Index, Integer, MetaData, String, Table, func, insert, select, text, update
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.exc import DataError, IntegrityError, StatementError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.schema import CreateTable

from examples import examples
from kit.db import connection
from kit.db.types import CaseInsensitive, fold_case

metadata = MetaData()
people = Table(
    "people",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(20)),
    Column("email", CaseInsensitive(12), unique=True),
)
Index("people_name_in_lower_case", func.lower(people.c.name))


class Base(DeclarativeBase):
    pass


class Account(Base):
    __tablename__ = "accounts"
    name: Mapped[str] = mapped_column(CaseInsensitive(12), primary_key=True)
    shown: Mapped[str] = mapped_column(String(12))


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = connection.connect("sqlite://")
    metadata.create_all(made)
    Base.metadata.create_all(made)
    yield made
    made.dispose()


@pytest.mark.parametrize(
    ("sql", "answer"),
    [
        ("'Anna' LIKE 'anna'", 0),
        ("'Anna' LIKE 'A%a'", 1),
        ("'Ж' LIKE '_'", 1),
        ("'🎉' LIKE '_'", 1),
        ("'e\u0301' LIKE '_'", 0),  # two characters
        (r"'100%' LIKE '100\%'", 1),
        (r"'1000' LIKE '100\%'", 0),
        (r"'a\' LIKE 'a\'", 1),
        (r"'a\b' LIKE 'a\\b'", 1),
        ("'a%' LIKE 'a/%' ESCAPE '/'", 1),
        (r"'a\b' LIKE 'a\b' ESCAPE '/'", 1),
        ("'a\nb' LIKE 'a%b'", 1),
        ("'a.c' LIKE 'a.c' AND 'abc' NOT LIKE 'a.c'", 1),
        ("NULL LIKE 'a'", None),
        ("'a' LIKE NULL", None),
        ("15 LIKE '1_'", 1),
        ("x'C3A9' LIKE '_'", 0),  # two bytes
        ("lower('ÀÉÎ ΣΑΣ ЖЁ İ ẞ')", "àéî σασ жё i ß"),
        ("upper('àéî ς жё ı ß ﬁ')", "ÀÉÎ Σ ЖЁ I ß ﬁ"),
        ("lower('Ა')", "Ა"),  # newer than MySQL's Unicode
        ("lower(NULL)", None),
        ("lower(12)", "12"),
        ("lower(x'41')", b"A"),
        ("'a' = 'a '", 0),
        ("'a' = 'A'", 0),
    ],
)
def test_text_in_sql_means_what_it_means_in_mysql(engine: Engine, sql: str, answer: Any) -> None:
    with engine.connect() as connected:
        assert connected.exec_driver_sql(f"SELECT {sql}").scalar() == answer


def test_a_pattern_of_many_wildcards_is_matched_quickly(engine: Engine) -> None:
    with engine.connect() as connected:
        pattern = "%a" * 200 + "%b"
        assert connected.scalar(text("SELECT :value LIKE :pattern"), {"value": "a" * 5_000, "pattern": pattern}) == 0


def test_an_index_on_lower_is_used(engine: Engine) -> None:
    with engine.connect() as connected:
        plan = connected.exec_driver_sql("EXPLAIN QUERY PLAN SELECT id FROM people WHERE lower(name) = 'ж'").all()
    assert "people_name_in_lower_case" in plan[0].detail


def test_an_escape_of_several_characters_is_an_error(engine: Engine) -> None:
    with engine.connect() as connected, pytest.raises(sqlite3.OperationalError):
        connected.connection.execute("SELECT 'a' LIKE 'a' ESCAPE 'ab'")


SAME = [
    ("Anna@Ex.com", "aNNA@eX.COM"),
    ("STRASSE", "Straße"),
    ("STRAẞE", "strasse"),
    ("\u00e9", "e\u0301"),  # é as one character, and as two
    ("É", "e\u0301"),
    ("ΣΊΣΥΦΟΣ", "σίσυφος"),
    ("Ⅷ", "ⅷ"),
    ("\u212a", "k"),  # the sign for Kelvin
    ("\u1f80", "\u03b1\u0345\u0313"),  # accents in another order
    ("𐐀", "𐐨"),
    ("", ""),
    ("A\0B", "a\0b"),
]
DIFFERENT = [
    ("anna", "anna "),
    (" anna", "anna"),
    ("jose", "josé"),
    ("İ", "i"),
    ("ı", "i"),
    ("ı", "I"),
    ("Å", "A"),
    ("🎉", "🎊"),
    ("a", "a\0"),
    ("ﬁn", "ﬀn"),
    ("カ", "ｶ"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_texts_that_differ_in_case_or_encoding_are_one(engine: Engine, one: str, other: str) -> None:
    assert fold_case(one) == fold_case(other)
    with Session(engine) as session:
        session.execute(insert(people).values(email=one))
        assert session.scalar(select(people.c.email).where(people.c.email == other)) == fold_case(one)
        with pytest.raises(IntegrityError):
            session.execute(insert(people).values(email=other))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_accents_spaces_and_other_letters_count(engine: Engine, one: str, other: str) -> None:
    with Session(engine) as session:
        session.execute(insert(people), [{"email": one}, {"email": other}])
        assert session.scalars(select(people.c.email).where(people.c.email == one)).all() == [fold_case(one)]


@examples(300)
@given(st.text())
def test_folding_again_changes_nothing_and_spellings_of_a_text_have_one_result(value: str) -> None:
    folded = fold_case(value)
    assert fold_case(folded) == folded
    for form in ("NFC", "NFD"):
        assert fold_case(unicodedata.normalize(form, value)) == folded  # type: ignore[arg-type]
    assert fold_case(value.casefold()) == folded


def test_every_character_has_a_stable_result() -> None:
    """All planes with characters that have a case or another encoding."""
    characters = [chr(code) for code in range(0x30000) if not 0xD800 <= code < 0xE000]
    folded = {character: once for character in characters if (once := fold_case(character)) != character}
    assert len(folded) > 2_500
    assert [character for character, once in folded.items() if fold_case(once) != once] == []


@pytest.mark.parametrize(
    "condition",
    [
        people.c.email == "ANNA@x.org",
        people.c.email.in_(["BOB", "ANNA@x.org"]),
        people.c.email.like("ANNA@%"),
        people.c.email.ilike("%@X.ORG"),
        people.c.email.startswith("Anna"),
        people.c.email.startswith("ANNA@", autoescape=True),
        people.c.email.contains("@X."),
        people.c.email.endswith("ORG"),
        people.c.email.between("ANNA", "BOB"),
        people.c.email != "BOB",
        people.c.email + "!" == "ANNA@X.ORG!",
    ],
)
def test_whatever_the_column_is_compared_with_is_folded(engine: Engine, condition: Any) -> None:
    with engine.begin() as connected:
        connected.execute(insert(people).values(email="Anna@X.org"))
        assert connected.scalars(select(people.c.email).where(condition)).all() == ["anna@x.org"]


def test_a_comparison_with_a_longer_text_finds_nothing(engine: Engine) -> None:
    with engine.begin() as connected:
        connected.execute(insert(people).values(email="anna@x.org"))
        for condition in (people.c.email == "a" * 13, people.c.email.like("anna@x.org" + "_" * 9)):
            assert connected.scalars(select(people.c.id).where(condition)).all() == []


def test_a_text_that_is_too_long_after_folding_is_refused_without_its_value(engine: Engine) -> None:
    with engine.begin() as connected:
        connected.execute(insert(people).values(email="ß" * 6))
        for statement in (insert(people).values(email="ß" * 7), update(people).values(email="ẞ" * 7)):
            with pytest.raises(DataError, match=r"14 characters .* CaseInsensitive\(12\)") as refused:
                connected.execute(statement)
            assert "ss" not in str(refused.value.orig).replace("CaseInsensitive", "")


def test_null_stays_null_and_what_is_no_text_is_refused(engine: Engine) -> None:
    with engine.begin() as connected:
        connected.execute(insert(people), [{"email": None}, {"email": None}])
        assert connected.scalar(select(func.count()).where(people.c.email.is_(None))) == 2
        with pytest.raises(StatementError):
            connected.execute(insert(people).values(email=12))


def test_it_can_be_a_primary_key(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        session.add(Account(name="Anna", shown="Anna"))
    with Session(engine) as session:
        account = session.get_one(Account, "ANNA")
        assert (account.name, account.shown) == ("anna", "Anna")


def test_its_column_names_the_collation_on_mysql() -> None:
    ddl = str(CreateTable(people).compile(dialect=mysql.dialect()))
    assert "email VARCHAR(12) COLLATE utf8mb4_0900_bin" in ddl
    assert "email VARCHAR(12)," in str(CreateTable(people).compile(dialect=sqlite.dialect()))
