"""Columns and tables that are renamed or dropped in steps, and columns that the live version doesn't know."""

import argparse
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Boolean, Enum, Integer, MetaData, Numeric, String, Table, Text, create_engine, text
from sqlalchemy import Column as SqlColumn

from kit import references, settings
from kit.cli import migration, schema
from kit.db import migrations
from kit.db import types as columns
from kit.db.schema import new_migration, steps
from kit.db.schema.migrated import follow
from kit.errors import UsageError


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MetaData]:
    """The models of a project that has the wall's migrations so far."""
    shutil.copytree(settings.PROJECT / "migrations", tmp_path / "migrations")
    monkeypatch.setattr(settings, "PROJECT", tmp_path)
    monkeypatch.chdir(tmp_path)
    metadata = MetaData()
    monkeypatch.setattr(references, "load", lambda _: metadata)
    set_columns(metadata)
    yield metadata


def set_columns(metadata: MetaData, *more: SqlColumn, without: str = "") -> None:
    """Let the models' messages have the wall's columns and these."""
    metadata.clear()
    wall = [
        SqlColumn("id", columns.BigKey, primary_key=True),
        SqlColumn("text", String(280), nullable=False),
        SqlColumn("posted_at", columns.UtcDateTime, nullable=False),
        SqlColumn("picture", Text),
    ]
    Table("messages", metadata, *[column for column in wall if column.name != without], *more)


def check() -> list[str]:
    return schema.check(settings.PROJECT / "migrations")


def migrate(message: str = "change") -> None:
    migration.run(argparse.Namespace(message=message))


def versions() -> list[str]:
    return sorted(file.name for file in (settings.PROJECT / "migrations" / "versions").glob("*.py"))


def test_a_column_is_dropped_in_two_migrations_with_a_deployment_between(models: MetaData) -> None:
    first = steps.drop("messages", "text")
    assert re.search(r'"text",.*nullable=True.*comment="unused: to be dropped"', first.file.read_text(), re.DOTALL)
    assert "Remove messages.text from the models" in first.next_step
    assert check() == []
    assert new_migration.write("the models still have it") is None
    with pytest.raises(UsageError, match=r"The models still have messages\.text"):
        steps.drop("messages", "text")
    set_columns(models, without="text")
    assert new_migration.write("the models don't have it any more") is None
    second = steps.drop("messages", "text")
    assert (
        'drop_column("text")' in second.file.read_text() or 'drop_column("messages", "text")' in second.file.read_text()
    )
    assert check() == []
    assert new_migration.write("nothing is left") is None


def test_rows_can_be_inserted_without_a_column_that_is_to_be_dropped(models: MetaData, tmp_path: Path) -> None:
    steps.drop("messages", "text")
    engine = create_engine(f"sqlite:///{tmp_path}/test.db")
    migrations.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO messages (posted_at) VALUES ('2026-01-01')"))
    engine.dispose()


def test_a_table_is_dropped_in_two_migrations(models: MetaData) -> None:
    first = steps.drop("messages")
    assert "unused: to be dropped" in first.file.read_text()
    models.clear()
    assert new_migration.write("the models don't have it any more") is None
    assert 'op.drop_table("messages")' in steps.drop("messages").file.read_text()
    assert check() == []


def test_a_rename_begins_with_a_new_column_and_ends_with_the_drop_of_the_old_one(models: MetaData) -> None:
    first = steps.rename("messages", "text", "body")
    assert 'sa.Column("body", sa.String(length=280), nullable=True)' in first.file.read_text()
    assert "./uvw run python -m kit schema drop messages.text" in first.next_step
    set_columns(models, SqlColumn("body", String(280), nullable=True))
    assert new_migration.write("both") is None
    set_columns(models, SqlColumn("body", String(280), nullable=True), without="text")
    assert new_migration.write("the new one only") is None
    steps.drop("messages", "text")
    assert new_migration.write("nothing is left") is None
    assert check() == []


def test_what_is_not_there_is_neither_renamed_nor_dropped(models: MetaData) -> None:
    for change in (
        lambda: steps.rename("messages", "title", "headline"),
        lambda: steps.drop("messages", "title"),
        lambda: steps.drop("users"),
        lambda: steps.drop("messages", "id"),
        lambda: steps.rename("messages", "text", "picture"),
    ):
        with pytest.raises(UsageError, match=r"messages\.(title|id|picture)|users"):
            change()
    assert len(versions()) == 2


def test_the_commands_print_the_file_and_the_next_step(models: MetaData, capsys: pytest.CaptureFixture[str]) -> None:
    schema.run_drop(argparse.Namespace(name="messages.text"))
    printed = capsys.readouterr()
    assert printed.out.startswith("migrations/versions/0003_stop_using_messages_text")
    assert "./uvw run python -m kit schema drop messages.text" in printed.err
    schema.run_rename(argparse.Namespace(column="messages.picture", new="drawing"))
    assert "kit.db.bulk" in capsys.readouterr().err


SCALARS = {
    "a number": (Integer(), 0, "0"),
    "a text": (String(20), "it's", "'it''s'"),
    "a truth": (Boolean(), False, "0"),
    "a decimal": (Numeric(8, 2), 0, "0"),
    "a member": (Enum("new", "old"), "new", "'new'"),
    "a long text": (Text(), "", "('')"),
}


@pytest.mark.parametrize("name", SCALARS)
def test_a_required_column_gets_its_default_from_python_as_its_server_default(
    name: str, models: MetaData, tmp_path: Path
) -> None:
    column_type, value, expected = SCALARS[name]
    engine = create_engine(f"sqlite:///{tmp_path}/test.db")
    migrations.upgrade(engine)
    insert = text("INSERT INTO messages (text, posted_at) VALUES ('x', '2026-01-01')")
    with engine.begin() as connection:
        connection.execute(insert)
    set_columns(models, SqlColumn("added", column_type, nullable=False, default=value))
    file = new_migration.write("required")
    assert file is not None
    assert follow(tmp_path / "migrations").tables.tables["messages"].columns["added"].default == expected
    assert check() == []
    assert new_migration.write("nothing is left") is None
    migrations.upgrade(engine)
    with engine.begin() as connection:  # as the version that doesn't know the column
        connection.execute(insert)
        assert connection.scalar(text("SELECT count(*) FROM messages")) == 2
    engine.dispose()


def test_a_required_column_without_such_a_default_is_explained(models: MetaData) -> None:
    set_columns(models, SqlColumn("slug", String(20), nullable=False))
    with pytest.raises(UsageError, match=r"(?s)0003_change.py:\d+: LIVE_REQUIRED_COLUMN.*The file was written"):
        migrate()
    assert len(versions()) == 3


def test_what_mysql_refuses_leaves_no_file(models: MetaData) -> None:
    set_columns(models, SqlColumn("slug", Text, unique=True))
    with pytest.raises(UsageError, match=r"(?s)MYSQL_1170.*No file was written"):
        migrate()
    assert len(versions()) == 2
