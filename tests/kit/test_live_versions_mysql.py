"""Two versions of an app on a MySQL server under load, while a column is added, renamed and dropped step by step.

Each deployment migrates first, then shifts to the next version, goes back to the one before, and shifts again.
"""

import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, Text, insert, select, text
from sqlalchemy.exc import SQLAlchemyError

import mysql
from kit import clock, references, settings
from kit.db import database, migrations
from kit.db import types as columns
from kit.db.schema import new_migration, steps

PHASE_SECONDS = 0.4
"""How long each version is under load."""


def version(*more: Column, without: tuple[str, ...] = ()) -> Table:
    """The messages as a version of the app declares them."""
    wall = [
        Column("id", columns.BigKey, primary_key=True),
        Column("text", String(280), nullable=False),
        Column("posted_at", columns.UtcDateTime, nullable=False),
        Column("picture", Text),
    ]
    return Table("messages", MetaData(), *[column for column in wall if column.name not in without], *more)


def likes() -> Column:
    return Column("likes", Integer, nullable=False, default=0)


def body() -> Column:
    return Column("body", String(280), nullable=True)


@dataclass
class Load:
    """Requests that insert a row and read the newest ones, by the version that is live."""

    live: Table
    done: int = 0
    errors: list[str] = field(default_factory=list)
    stopping: bool = False

    def run(self) -> None:
        while not self.stopping:
            table = self.live
            written = {name: "hello" for name in ("text", "body") if name in table.columns}
            try:
                with database.session() as session:
                    session.execute(insert(table).values(posted_at=clock.now(), **written))
                database.rows(select(table).order_by(table.c.id.desc()).limit(5))
                self.done += 1
            except SQLAlchemyError as error:
                self.errors.append(f"{list(table.columns.keys())}: {error}")
            time.sleep(0.002)


@pytest.fixture
def load(project: None, tls_server: mysql.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Requests to the wall's first version, on a server that has its tables."""
    server = tls_server.with_database("versions")
    monkeypatch.setenv("DATABASE_URL", server.url())
    monkeypatch.setenv("DATABASE_CA", server.ca)
    shutil.copytree(settings.PROJECT / "migrations", tmp_path / "migrations")
    monkeypatch.setattr(settings, "PROJECT", tmp_path)
    migrations.upgrade()
    load = Load(version())
    threads = [threading.Thread(target=load.run) for _ in range(3)]
    for thread in threads:
        thread.start()
    yield load
    load.stopping = True
    for thread in threads:
        thread.join()


def declare(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "load", lambda _: table.metadata)


def deploy(load: Load, table: Table) -> None:
    """Migrate, shift, go back, and shift again."""
    migrations.upgrade()
    before = load.live
    time.sleep(PHASE_SECONDS)
    for live in (table, before, table):
        load.live = live
        time.sleep(PHASE_SECONDS)


def test_no_request_fails_while_columns_are_added_renamed_and_dropped(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = version(likes())
    declare(added, monkeypatch)
    assert new_migration.write("add likes")
    deploy(load, added)

    both = version(likes(), body())
    declare(both, monkeypatch)
    steps.rename("messages", "text", "body")
    deploy(load, both)
    with database.session() as session:
        session.execute(text("UPDATE messages SET body = text WHERE body IS NULL"))
    new_only = version(likes(), body(), without=("text",))
    declare(new_only, monkeypatch)
    deploy(load, new_only)
    steps.drop("messages", "text")
    deploy(load, version(likes(), body(), without=("text",)))

    steps.drop("messages", "likes")
    without = version(body(), without=("text",))
    declare(without, monkeypatch)
    deploy(load, without)
    steps.drop("messages", "likes")
    deploy(load, version(body(), without=("text",)))

    assert load.errors == []
    assert load.done > 100


def test_the_load_notices_a_change_that_the_live_version_does_not_survive(load: Load) -> None:
    with database.engine().connect() as connection:
        connection.execute(text("ALTER TABLE messages ADD COLUMN slug VARCHAR(9) NOT NULL"))
    time.sleep(PHASE_SECONDS)
    assert any("1364" in error for error in load.errors)
