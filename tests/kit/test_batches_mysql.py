"""What batches lock on a MySQL server."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Index, String, event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

import mysql
from kit.db import bulk, database

ROWS = 65_536
"""They have even keys."""
PENDING = 10
FREE = (1, 6001, ROWS + 1, 2 * ROWS + 1, 3 * ROWS)
"""Keys before, between and behind the rows, and next to a pending one."""
OTHER_LOCKS = 10
"""Locks besides those of the rows: the table's own, and some leeway."""


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str | None] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    __table_args__ = (Index("items_state", "state"),)


@pytest.fixture
def server(mysql_server: mysql.Server, project: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[mysql.Server]:
    """A server with 65,536 rows, ten of which have no slug and are pending."""
    server = mysql_server.with_database("batches")
    monkeypatch.setenv("DATABASE_URL", server.url())
    monkeypatch.setenv("DATABASE_CA", server.ca)
    Base.metadata.create_all(database.engine())
    with server.admin() as admin, admin.cursor() as cursor:
        cursor.execute("INSERT INTO items VALUES (2, 'x', 'done')")
        for _ in range(16):
            cursor.execute("INSERT INTO items SELECT id + (SELECT MAX(id) FROM items AS m), slug, state FROM items")
        cursor.execute("UPDATE items SET slug = NULL, state = 'pending' WHERE id % 13106 = 6000")
        cursor.execute("ANALYZE TABLE items")
        cursor.fetchall()
    yield server


def locks(server: mysql.Server) -> int:
    with server.admin() as admin, admin.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM performance_schema.data_locks WHERE object_schema = %s", (server.database,)
        )
        return int(cursor.fetchall()[0][0])


def insert_elsewhere(server: mysql.Server) -> None:
    """Insert rows, and fail where that has to wait for a lock."""
    with server.admin() as admin, admin.cursor() as cursor:
        cursor.execute("SET innodb_lock_wait_timeout = 1")
        for key in FREE:
            cursor.execute("INSERT INTO items VALUES (%s, NULL, 'pending')", (key,))
        cursor.execute(f"DELETE FROM items WHERE id IN {FREE}")


@pytest.mark.parametrize("column", ["without an index", "with an index"])
def test_a_backfill_locks_its_rows_and_nothing_else(server: mysql.Server, column: str) -> None:
    most = 0

    def change(item: Item) -> None:
        nonlocal most
        if not most:
            insert_elsewhere(server)
        most = max(most, locks(server))
        item.slug, item.state = "y", "done"

    where = Item.slug.is_(None) if column == "without an index" else Item.state == "pending"
    assert bulk.backfill(Item, change, where=where).done == PENDING
    print(f"{most} locks for {PENDING} of {ROWS:,} rows")
    assert PENDING <= most <= PENDING + OTHER_LOCKS


@pytest.mark.parametrize("column", ["without an index", "with an index"])
def test_a_delete_locks_its_rows_and_nothing_else(
    server: mysql.Server, column: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 0

    def before_commit(_: object) -> None:
        nonlocal most
        insert_elsewhere(server)
        most = locks(server)

    event.listen(database.engine(), "commit", before_commit)
    where = Item.slug.is_(None) if column == "without an index" else Item.state == "pending"
    assert bulk.delete(Item, where=where).done == PENDING
    print(f"{most} locks for {PENDING} of {ROWS:,} rows")
    assert PENDING <= most <= PENDING + OTHER_LOCKS


def test_a_batch_that_is_most_of_a_small_table_locks_no_more_than_its_rows(server: mysql.Server) -> None:
    with server.admin() as admin, admin.cursor() as cursor:
        cursor.execute("DELETE FROM items WHERE id > 1200")  # 600 rows are left
        cursor.execute("ANALYZE TABLE items")
        cursor.fetchall()
    most = 0

    def before_commit(_: object) -> None:
        nonlocal most
        most = max(most, locks(server))

    event.listen(database.engine(), "commit", before_commit)
    bulk.backfill(Item, lambda item: None, size=450)
    assert 450 <= most <= 450 + OTHER_LOCKS
    most = 0
    bulk.delete(Item, where=Item.id > 0, size=450)
    assert 450 <= most <= 2 * 450 + OTHER_LOCKS  # an entry of the index `items_state` goes with each row
