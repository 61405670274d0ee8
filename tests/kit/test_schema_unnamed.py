"""Constraints without a name in older migrations: MySQL names them, SQLite does not, and both can be rid of them."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy import Column, MetaData, Table, inspect

from kit.db import connection, migrations
from kit.db.schema import new_migration

OLDER = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "0003", "0002"


def upgrade() -> None:
    op.create_table("owners", sa.Column("id", sa.Integer, primary_key=True))
    op.create_table(
        "pets",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(20)),
        sa.Column("age", sa.Integer),
        sa.Column("owner", sa.Integer),
        sa.CheckConstraint("age > 0"),
        sa.CheckConstraint("age < 99"),
        sa.UniqueConstraint("name"),
        sa.ForeignKeyConstraint(["owner"], ["owners.id"]),
    )
    op.create_index("pets_owner", "pets", ["owner"])


def downgrade() -> None:
    op.drop_table("pets")
    op.drop_table("owners")
"""
PARTS: dict[str, Any] = {
    "low": lambda: sa.CheckConstraint("age > 0"),
    "high": lambda: sa.CheckConstraint("age < 99"),
    "unique": lambda: sa.UniqueConstraint("name"),
    "foreign key": lambda: sa.ForeignKeyConstraint(["owner"], ["owners.id"]),
}


def declare(metadata: MetaData, without: str, *, length: int = 20) -> None:
    """The models of the older migration, without one of its constraints."""
    Table("owners", metadata, Column("id", sa.Integer, primary_key=True))
    columns = [Column("name", sa.String(length)), Column("age", sa.Integer), Column("owner", sa.Integer)]
    parts = [part() for name, part in PARTS.items() if name != without]
    Table(
        "pets", metadata, Column("id", sa.Integer, primary_key=True), *columns, *parts, sa.Index("pets_owner", "owner")
    )


def constraints(engine: sa.Engine) -> list[str]:
    """What is there of `PARTS`."""
    inspector = inspect(engine)
    checks = " ".join(check["sqltext"] for check in inspector.get_check_constraints("pets"))
    uniques = [*inspector.get_unique_constraints("pets"), *(i for i in inspector.get_indexes("pets") if i["unique"])]
    found = {"low": "> 0" in checks, "high": "< 99" in checks, "unique": bool(uniques)}
    return [name for name in PARTS if (found | {"foreign key": bool(inspector.get_foreign_keys("pets"))})[name]]


@pytest.mark.parametrize(
    ("kind", "without"),
    [*(("sqlite", name) for name in [*PARTS, "none, and a longer name"]), *(("mysql", name) for name in PARTS)],
)
def test_one_is_dropped_and_the_others_stay(
    kind: str, without: str, metadata: MetaData, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if kind == "mysql":
        server = request.getfixturevalue("tls_server").with_database("unnamed")
        engine = connection.connect(server.url(), ca=server.ca)
    else:
        engine = connection.connect(f"sqlite:///{tmp_path}/unnamed.db")
    (tmp_path / "migrations" / "versions" / "0003_older.py").write_text(OLDER)
    declare(metadata, without, length=20 if without in PARTS else 30)
    assert new_migration.write("one less")
    assert new_migration.write("nothing more") is None
    migrations.upgrade(engine)
    assert constraints(engine) == [name for name in PARTS if name != without]
    command.downgrade(migrations.config(engine), "0003")
    assert constraints(engine) == list(PARTS)
    engine.dispose()
