"""Text on the laptop's SQLite beside text on MySQL: what is equal, in which order, what LIKE matches, upper and lower."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Engine, Index, Integer, MetaData, String, Table, Text, delete, func, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError

import mysql
from examples import examples
from kit.db import connection, migrations, tables
from kit.db.mysql import COLLATION
from kit.db.sqlite import text
from kit.db.types import CaseInsensitive

metadata = MetaData()
texts = Table(
    "texts",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("plain", String(100), unique=True),
    Column("folded", CaseInsensitive(100), unique=True),
    Column("long", Text),
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_0900_bin",
)

LETTERS = (
    "aAbBzZ" "éÉ" "ßẞ" "ſ" "ıİiI" "ÅåÅ" "ȺⱥȿⱾɐⱯ" "ǆǅǄ" "ﬁﬀ" "ŉǰ"  # Latin: K and Å as signs, letters that grow
    "σςΣ" "ΐᾳᾼᾈάά" "жЖёЁ" "ევᲔ" "ꭰᎠ" "ԱՎև" "𐐀𐐨" "𐕰𐖗" "ꞔꟄʂ"  # pairs of other scripts, old and new
    "カｶ中אبह" "🎉👩🏽‍🚀" "\u0301\u0307\u0308\u0345\u0338\u20dd"  # no case; combining marks
)  # fmt: skip
OTHERS = " \t\n\0\\/%_'\"-.*[]()^$?+|0"
CHARACTERS = st.sampled_from(LETTERS) | st.sampled_from(OTHERS)
TEXT = st.text(CHARACTERS, max_size=6)
PATTERN = st.text(CHARACTERS | st.sampled_from("%%%__\\\\/"), max_size=7)


class Two(NamedTuple):
    """The laptop's database and production's."""

    sqlite: Engine
    mysql: Engine


@pytest.fixture(scope="module")
def two(mysql_server: mysql.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    folder: Path = tmp_path_factory.mktemp("texts")
    server = mysql_server.with_database("texts")
    engines = Two(connection.connect(f"sqlite:///{folder}/texts.db"), connection.connect(server.url(), ca=server.ca))
    for engine in engines:
        metadata.create_all(engine)
    yield engines
    for engine in engines:
        engine.dispose()


def store(engine: Engine, values: list[str]) -> list[str]:
    """Replace the rows; returns the class of each error."""
    errors = []
    with engine.begin() as connected:
        connected.execute(delete(texts))
        for number, value in enumerate(values):
            try:
                with connected.begin_nested():
                    connected.execute(insert(texts).values(id=number, plain=value, folded=value, long=value))
            except DBAPIError as error:
                errors.append(type(error).__name__)
    return errors


def answers(engine: Engine, pattern: str, other: str) -> dict[str, Any]:
    """What a database answers about its rows."""
    by_row = {
        name: expression
        for column in (texts.c.plain, texts.c.long, texts.c.folded)
        for name, expression in {
            f"{column} lower": func.lower(column),
            f"{column} upper": func.upper(column),
            f"{column} like": column.like(pattern),
            f"{column} like with escape": column.like(pattern, escape="/"),
            f"{column} not like": column.not_like(pattern),
            f"{column} ilike": column.ilike(pattern),
            f"{column} startswith": column.startswith(other, autoescape=True),
            f"{column} contains": column.contains(other),
            f"{column} endswith": column.endswith(other, autoescape=True),
            f"{column} icontains": column.icontains(other, autoescape=True),
            f"{column} equal": column == other,
            f"{column} less": column < other,
            f"{column} in": column.in_([other, pattern]),
            f"{column} concatenated": column + other,
        }.items()
    }
    with engine.connect() as connected:
        rows = connected.execute(select(texts.c.id, *by_row.values()).order_by(texts.c.id)).all()
        found: dict[str, Any] = {str(row.id): dict(zip(by_row, row[1:], strict=True)) for row in rows}
        for column in (texts.c.plain, texts.c.folded, texts.c.long):
            found[f"{column} ordered"] = connected.scalars(select(column).order_by(column)).all()
            found[f"{column} distinct"] = sorted(connected.scalars(select(column).distinct()).all())
            found[f"{column} ends"] = tuple(connected.execute(select(func.min(column), func.max(column))).one())
        lowered = func.lower(texts.c.plain)
        grouped = select(lowered, func.count()).group_by(lowered).order_by(lowered)
        found["grouped"] = [tuple(row) for row in connected.execute(grouped)]
    return found


@examples(60)
@given(st.lists(TEXT, min_size=1, max_size=5), PATTERN, TEXT)
def test_both_databases_answer_the_same_about_any_text(two: Two, values: list[str], pattern: str, other: str) -> None:
    assert store(two.sqlite, values) == store(two.mysql, values)
    assert answers(two.sqlite, pattern, other) == answers(two.mysql, pattern, other)


def test_every_letter_has_the_same_case_on_both(two: Two) -> None:
    letters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    table = Table(
        "letters",
        MetaData(),
        Column("letter", String(1), primary_key=True),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
    )
    cased = [letter for letter in letters if letter.lower() != letter or letter.upper() != letter]
    with two.mysql.begin() as connected:
        table.create(connected)
        connected.execute(insert(table), [{"letter": letter} for letter in cased])
        found = connected.execute(select(table.c.letter, func.lower(table.c.letter), func.upper(table.c.letter))).all()
    assert len(found) == len(cased) > 2_500
    assert [row for row in found if tuple(row) != (row[0], text.lower(row[0]), text.upper(row[0]))] == []


def test_new_tables_have_the_collation(
    project: None, mysql_server: mysql.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = mysql_server.with_database("collations")
    monkeypatch.setenv("DATABASE_URL", server.url())
    monkeypatch.setenv("DATABASE_CA", server.ca)
    migrations.upgrade()
    with server.admin() as admin, admin.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, table_collation FROM information_schema.tables WHERE table_schema = 'collations'"
        )
        found = dict(cursor.fetchall())
    assert set(found) == {"alembic_version", "messages", *tables.metadata.tables}
    assert {name for name, collation in found.items() if collation != COLLATION} == {"alembic_version"}


def test_an_older_table_keeps_its_collation_and_a_case_insensitive_column_has_its_own(two: Two) -> None:
    """The database's default, in which Jose and José are equal, is that of tables from before the kit named one."""
    older = Table("older", MetaData(), Column("name", String(9), unique=True), Column("email", CaseInsensitive(9)))
    Index("older_email", older.c.email, unique=True)
    with two.mysql.begin() as connected:
        older.create(connected)
        connected.execute(insert(older), [{"name": "Jose", "email": "Jose"}, {"name": "Anna", "email": "José"}])
        with pytest.raises(IntegrityError), connected.begin_nested():
            connected.execute(insert(older).values(name="josé", email="x"))
        with pytest.raises(IntegrityError), connected.begin_nested():
            connected.execute(insert(older).values(name="x", email="JOSÉ"))
        assert connected.scalars(select(older.c.email).where(older.c.email == "JOSE")).all() == ["jose"]
