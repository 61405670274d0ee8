"""What waits for a commit, and what SQLite keeps of a transaction."""

import itertools
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from kit.db import connection, database, transactions


class Base(DeclarativeBase):
    pass


class Row(Base):
    __tablename__ = "rows_written"

    id: Mapped[int] = mapped_column(primary_key=True)


class Failed(Exception):
    """What the blocks of these tests raise."""


@pytest.fixture(params=["sqlite", "mysql"])
def _database(request: pytest.FixtureRequest, project: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if request.param == "mysql":
        server = request.getfixturevalue("mysql_server").with_database("waiting")
        monkeypatch.setenv("DATABASE_CA", server.ca)
        monkeypatch.setenv("DATABASE_URL", server.url())
    else:
        monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/test.db")
    Base.metadata.create_all(database.engine())


@pytest.fixture
def sqlite_file(project: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The URL of the app's database, an SQLite file with the table."""
    monkeypatch.setenv("DATABASE_URL", url := f"sqlite:///{tmp_path}/test.db")
    Base.metadata.create_all(database.engine())
    return url


def written() -> list[int]:
    return [row.id for row in database.rows(select(Row.id).order_by(Row.id))]


class Recorder:
    """Leaves work for the commit, and the same as rows: what was called must be what is committed."""

    def __init__(self) -> None:
        self.called: list[int] = []
        self.numbers = itertools.count(1)

    def leave(self, session: Session | None = None) -> None:
        number = next(self.numbers)
        transactions.after_commit(lambda: self.called.append(number))
        if session:
            session.execute(text(f"INSERT INTO rows_written VALUES ({number})"))


@pytest.mark.usefixtures("_database")
def test_what_was_left_before_a_savepoint_is_done_although_that_is_rolled_back() -> None:
    recorder = Recorder()
    with database.session() as session:
        recorder.leave()
        with suppress(Failed), session.begin_nested():
            recorder.leave()
            raise Failed
        recorder.leave()
    assert recorder.called == [1, 3]


@pytest.mark.usefixtures("_database")
def test_what_was_left_in_a_released_savepoint_goes_with_the_transaction() -> None:
    recorder = Recorder()
    with suppress(Failed), database.session() as session:
        with session.begin_nested():
            recorder.leave()
        raise Failed
    with database.session() as session:
        with session.begin_nested():
            recorder.leave()
        session.rollback()
    assert recorder.called == []
    with database.session() as session, session.begin_nested():
        recorder.leave()
    assert recorder.called == [3]


@pytest.mark.usefixtures("_database")
def test_a_released_savepoint_does_not_end_the_block() -> None:
    with database.session() as session:
        with session.begin_nested():
            session.execute(text("SELECT 1"))
        with pytest.raises(database.NestedSession), database.reading():
            pass


Tree = list["int | tuple[str, bool, Tree]"]
"""What a block does: an int leaves work, a tuple opens a block of this kind inside, which fails or not."""
TREES = st.recursive(
    st.lists(st.just(0), max_size=2),
    lambda inner: st.lists(
        st.one_of(st.just(0), st.tuples(st.sampled_from(["session", "connection"]), st.booleans(), inner)), max_size=4
    ),
    max_leaves=12,
)


def grow(tree: Tree, session: Session, recorder: Recorder, with_rows: bool) -> None:
    for branch in tree:
        if isinstance(branch, int):
            recorder.leave(session if with_rows else None)
            continue
        kind, fails, inner = branch
        with suppress(Failed), session.begin_nested() if kind == "session" else session.connection().begin_nested():
            grow(inner, session, recorder, with_rows)
            if fails:
                raise Failed


def expected(tree: Tree, numbers: Iterator[int]) -> list[int]:
    """The numbers that a tree keeps."""
    kept = []
    for branch in tree:
        if isinstance(branch, int):
            kept.append(next(numbers))
        else:
            inner = expected(branch[2], numbers)
            kept += [] if branch[1] else inner
    return kept


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TREES, st.booleans(), st.booleans())
@pytest.mark.usefixtures("_database")
def test_what_is_called_is_what_is_committed_however_savepoints_are_nested(
    tree: Tree, fails: bool, with_rows: bool
) -> None:
    with database.session() as session:
        session.execute(text("DELETE FROM rows_written"))
    recorder = Recorder()
    with suppress(Failed), database.session() as session:
        grow(tree, session, recorder, with_rows)
        if fails:
            raise Failed
    assert recorder.called == ([] if fails else expected(tree, itertools.count(1)))
    assert not with_rows or recorder.called == written()


@pytest.mark.usefixtures("_database")
def test_in_a_joined_transaction_savepoints_are_followed_too() -> None:
    recorder = Recorder()
    with database.session(), transactions.joining():
        with database.session():
            recorder.leave()
        with database.session() as joined, suppress(Failed), joined.begin_nested():
            recorder.leave()
            raise Failed
    assert recorder.called == [1]


def test_sqlite_rolls_back_a_released_savepoint_with_its_transaction(sqlite_file: str) -> None:
    with suppress(Failed), database.session() as session:
        with session.begin_nested():
            session.add(Row(id=1))
        raise Failed
    assert written() == []


def test_sqlite_rolls_back_a_table_with_its_transaction(sqlite_file: str) -> None:
    with suppress(Failed), database.engine().begin() as opened:
        opened.execute(text("CREATE TABLE another (id INTEGER)"))
        raise Failed
    with pytest.raises(OperationalError, match="no such table"), database.reading() as session:
        session.execute(text("SELECT * FROM another"))


def test_a_session_on_sqlite_sees_one_state(sqlite_file: str) -> None:
    other = create_engine(sqlite_file)
    with database.engine().connect() as opened:
        before = opened.scalars(select(Row.id)).all()
        with other.begin() as another:
            another.execute(text("INSERT INTO rows_written VALUES (1)"))
        assert opened.scalars(select(Row.id)).all() == before == []
    other.dispose()
    assert written() == [1]


def test_reading_on_sqlite_holds_no_lock_and_sees_what_is_committed_by_then(sqlite_file: str) -> None:
    other = sqlite3.connect(database.engine().url.database or "", timeout=0)
    with closing(other), database.reading() as session:
        assert session.scalars(select(Row.id)).all() == []
        other.execute("INSERT INTO rows_written VALUES (1)")
        other.commit()
        assert session.scalars(select(Row.id)).all() == [1]
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)  # no reader was in the way


def test_sessions_that_read_and_then_write_on_sqlite_wait_for_each_other(sqlite_file: str) -> None:
    with database.session() as session:
        session.add(Row(id=0))

    def move() -> None:
        for _ in range(20):
            with database.session() as session:
                found = session.scalars(select(Row)).one()
                found.id += 1

    threads = [threading.Thread(target=move) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert written() == [80]


def test_nothing_is_kept_of_a_transaction_that_sqlite_has_ended(sqlite_file: str) -> None:
    with database.session() as session:
        session.add(Row(id=1))
    refused = pytest.raises(OperationalError, match="ended this transaction with an error")
    with refused as failure, database.session() as session:
        session.add(Row(id=2))
        session.flush()
        with pytest.raises(IntegrityError):
            session.execute(text("INSERT OR ROLLBACK INTO rows_written VALUES (1)"))
        session.execute(text("INSERT INTO rows_written VALUES (3)"))
    assert "retry the whole transaction" in str(failure.value)
    assert written() == [1]


def test_after_a_commit_as_text_sqlite_begins_again(sqlite_file: str) -> None:
    with suppress(Failed), database.session() as session:
        session.execute(text("INSERT INTO rows_written VALUES (1)"))
        session.execute(text("COMMIT"))
        session.execute(text("INSERT INTO rows_written VALUES (2)"))
        raise Failed
    assert written() == [1]


def test_an_autocommit_connection_to_sqlite_keeps_each_statement(sqlite_file: str) -> None:
    engine = connection.connect(sqlite_file)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as opened:
        opened.execute(text("INSERT INTO rows_written VALUES (1)"))
    with engine.connect() as opened:
        opened.execute(text("INSERT INTO rows_written VALUES (2)"))
    assert written() == [1]
    engine.dispose()
