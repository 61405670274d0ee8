"""SQLite refuses what MySQL refuses, whoever writes: the ORM, Core, many rows at once, SQL as text."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from kit.db import connection, limits, migrations, tables
from kit.db.sqlite import strict
from kit.db.types import BY_ANNOTATION, BigKey


class Base(DeclarativeBase):
    type_annotation_map = BY_ANNOTATION


class Item(Base):
    __tablename__ = "items"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(10), unique=True)
    stock: Mapped[int] = mapped_column(
        sa.SmallInteger, sa.CheckConstraint("stock >= 0", name="stock_is_not_negative"), default=0
    )
    added_at: Mapped[datetime | None]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = connection.connect(f"sqlite:///{tmp_path}/test.db")
    Base.metadata.create_all(engine)
    tables.metadata.create_all(engine)
    with engine.begin() as opened:
        strict.create(opened, Base.metadata, tables.metadata)
    yield engine
    engine.dispose()


LONG = "eleven char"


def orm(session: Session, **values: Any) -> None:
    session.add(Item(**values))
    session.flush()


def core(session: Session, **values: Any) -> None:
    session.execute(sa.insert(Item.__table__).values(**{"stock": 0} | values))


def bulk(session: Session, **values: Any) -> None:
    session.execute(sa.insert(Item), [{"stock": 0} | values, {"name": "other", "stock": 0}])


def text(session: Session, **values: Any) -> None:
    row = {"name": "a", "stock": 0} | values
    session.execute(sa.text("INSERT INTO items (name, stock) VALUES (:name, :stock)"), row)


def update(session: Session, **values: Any) -> None:
    session.execute(sa.text("INSERT INTO items (name, stock) VALUES ('old', 1)"))
    session.execute(sa.update(Item).values(**values))


@pytest.mark.parametrize("write", [orm, core, bulk, text, update])
def test_a_value_that_mysql_refuses_is_refused_by_name_and_limit(write: Any, engine: sa.Engine) -> None:
    with Session(engine) as session:
        with pytest.raises(DataError, match=r"items\.name has more than 10 characters \(MySQL error 1406\)") as refused:
            write(session, name=LONG)
        assert LONG not in str(refused.value)
        session.rollback()
        with pytest.raises(DataError, match=r"items\.stock is not between -32768 and 32767 \(MySQL error 1264\)"):
            write(session, name="a", stock=70_000)
        session.rollback()
        write(session, name="ten charac", stock=32_767)


def test_the_transaction_goes_on_after_a_refused_value(engine: sa.Engine) -> None:
    with engine.begin() as opened:
        opened.execute(sa.insert(Item.__table__).values(name="kept", stock=0))
        with pytest.raises(DataError):
            opened.execute(sa.insert(Item.__table__).values(name=LONG, stock=0))
    with engine.connect() as opened:
        assert opened.scalars(sa.select(Item.name)).all() == ["kept"]


def test_the_kits_own_tables_are_strict_too(engine: sa.Engine) -> None:
    row = {"digest": "a" * 65, "job": "app.jobs.draw", "done_at": datetime.now(UTC)}
    with engine.begin() as opened, pytest.raises(DataError, match=r"kit_idempotency_keys\.digest"):
        opened.execute(tables.idempotency_keys.insert().values(row))


def test_a_row_that_was_stored_before_can_still_be_changed_elsewhere(engine: sa.Engine) -> None:
    with engine.connect() as opened, strict.suspended(opened, Base.metadata):
        opened.execute(sa.text(f"INSERT INTO items (name, stock) VALUES ('{LONG}', 1)"))
        opened.commit()
    with engine.begin() as opened:
        opened.execute(sa.update(Item).values(stock=2))
        assert opened.scalar(sa.select(Item.name)) == LONG


def test_a_default_of_the_database_is_stored_as_python_writes_it(engine: sa.Engine) -> None:
    with engine.begin() as opened:
        opened.execute(sa.text("INSERT INTO items (name, stock, added_at) VALUES ('a', 0, CURRENT_TIMESTAMP)"))
        stored = opened.exec_driver_sql("SELECT added_at FROM items").scalar_one()
    assert datetime.fromisoformat(stored).microsecond == 0
    assert len(stored) == len("2026-01-01 00:00:00.000000")


@pytest.mark.parametrize("kind", ["sqlite", "mysql"])
def test_violated_constraints_have_one_class(kind: str, engine: sa.Engine, request: pytest.FixtureRequest) -> None:
    if kind == "mysql":
        server = request.getfixturevalue("mysql_server").with_database("constraints")
        engine = connection.connect(server.url(), ca=server.ca)
        Base.metadata.create_all(engine)
    rows: list[dict[str, Any]] = [{"name": "a", "stock": -1}, {"name": None, "stock": 0}, {"stock": 0}]
    with engine.connect() as opened:
        opened.execute(sa.insert(Item.__table__).values(name="taken", stock=0))
        for row in [*rows, {"name": "taken", "stock": 0}]:
            with pytest.raises(IntegrityError):
                opened.execute(sa.insert(Item.__table__).values(row))
        for moment in ("yesterday", "2026-02-30 10:00:00"):
            with pytest.raises(DataError):
                opened.execute(sa.text(f"INSERT INTO items (name, stock, added_at) VALUES ('b', 0, '{moment}')"))
    engine.dispose()


def test_an_id_is_not_used_again(engine: sa.Engine) -> None:
    with Session(engine) as session:
        session.add_all([Item(name="a"), last := Item(name="b")])
        session.flush()
        used = last.id
        session.delete(last)
        session.flush()
        session.add(new := Item(name="c"))
        session.flush()
        assert new.id == used + 1


def test_an_id_is_not_used_again_after_a_migration_has_copied_its_table(engine: sa.Engine) -> None:
    with engine.begin() as opened:
        opened.execute(sa.insert(Item.__table__), [{"name": name, "stock": 0} for name in "abc"])
        opened.execute(sa.text("DELETE FROM items"))
    with engine.connect() as opened:
        with strict.suspended(opened, Base.metadata), opened.begin():
            operations = Operations(MigrationContext.configure(opened))
            with operations.batch_alter_table("items", recreate="always") as batch:
                batch.alter_column("name", type_=sa.String(10), nullable=False)
        opened.execute(sa.insert(Item.__table__).values(name="d", stock=0))
        assert opened.scalars(sa.select(Item.id)).all() == [4]
        with pytest.raises(DataError):
            opened.execute(sa.update(Item).values(name=LONG))


def test_a_json_number_that_sqlite_cannot_keep_is_refused(engine: sa.Engine) -> None:
    table = sa.Table("documents", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("v", sa.JSON))
    with engine.begin() as opened:
        table.create(opened)
        with pytest.raises(DataError, match="which SQLite can't keep"):
            opened.execute(table.insert().values(v=2**63))
        opened.execute(table.insert().values(v=[2**64 - 1]))
        assert opened.scalar(sa.select(table.c.v)) == [2**64 - 1]


def test_zero_is_no_id(engine: sa.Engine) -> None:
    with Session(engine) as session, pytest.raises(DataError, match=r"items\.id is 0"):
        orm(session, id=0, name="a")


RETURNING = [
    sa.insert(Item).values(name="a", stock=0).returning(Item.id),
    sa.insert(Item.__table__).values(name="a", stock=0).returning(Item.__table__.c.id),
    sa.update(Item).values(stock=1).returning(Item.id),
    sa.delete(Item).returning(Item.id),
    sa.text("INSERT INTO items (name, stock) VALUES ('a', 0) RETURNING id"),
    sa.text("delete from items\nreturning id"),
]


@pytest.mark.parametrize("kind", ["sqlite", "mysql"])
def test_returning_is_refused(kind: str, engine: sa.Engine, request: pytest.FixtureRequest) -> None:
    if kind == "mysql":
        server = request.getfixturevalue("mysql_server").with_database("returning")
        engine = connection.connect(server.url(), ca=server.ca)
        Base.metadata.create_all(engine)
    for statement in RETURNING:
        with Session(engine) as session, pytest.raises(ProgrammingError):
            session.execute(statement)
    engine.dispose()


def test_the_word_returning_is_not_refused_elsewhere(engine: sa.Engine) -> None:
    with Session(engine) as session:
        session.execute(sa.text("INSERT INTO items (name, stock) VALUES ('returning', 0) -- RETURNING id"))
        session.add(item := Item(name="a"))
        session.flush()
        assert item.id == 2
        session.execute(sa.update(Item).values(stock=3), execution_options={"synchronize_session": "fetch"})
        assert item.stock == 3
    with engine.connect().execution_options(**{limits.UNWATCHED: True}) as opened:  # as migrations run
        opened.execute(sa.text("DELETE FROM items RETURNING id"))


def test_the_app_is_strict_after_its_migrations(tmp_path: Path) -> None:
    engine = connection.connect(f"sqlite:///{tmp_path}/app.db")
    migrations.upgrade(engine)
    row = {"text": "a" * 281, "posted_at": datetime(2026, 1, 1)}
    statement = sa.text("INSERT INTO messages (text, posted_at) VALUES (:text, :posted_at)")
    with engine.begin() as opened, pytest.raises(DataError, match=r"messages\.text has more than 280 characters"):
        opened.execute(statement, row)
    engine.dispose()


def test_models_that_are_ahead_of_the_database_do_not_hinder_a_migration(tmp_path: Path) -> None:
    engine = connection.connect(f"sqlite:///{tmp_path}/old.db")
    with engine.begin() as opened:
        opened.execute(sa.text("CREATE TABLE items (id INTEGER PRIMARY KEY, name VARCHAR(10))"))
        strict.create(opened, Base.metadata)
        with pytest.raises(DataError):
            opened.execute(sa.text(f"INSERT INTO items (name) VALUES ('{LONG}')"))
    engine.dispose()
