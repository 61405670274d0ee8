"""Writing migrations: from the models, numbered, checked at once."""

import ast
import inspect
import re
from pathlib import Path

import pytest
from sqlalchemy import BigInteger, MetaData, String, Table, Text
from sqlalchemy import Column as SqlColumn

from kit.db import migrations
from kit.db import types as columns
from kit.db.schema import new_migration
from kit.errors import UsageError


def test_a_migration_is_written_from_the_models_and_runs(metadata: MetaData, tmp_path: Path) -> None:
    metadata.tables["messages"].append_column(SqlColumn("edited_at", columns.UtcDateTime, nullable=True))
    Table("tags", metadata, SqlColumn("id", BigInteger, primary_key=True), SqlColumn("name", Text))
    file = new_migration.write("tags and edits")
    assert file == tmp_path / "migrations" / "versions" / "0003_tags_and_edits.py"
    text = file.read_text()
    assert "from kit.db.types import UtcDateTime" in text
    assert 'batch_op.add_column(sa.Column("edited_at", UtcDateTime()' in text
    assert new_migration.write("nothing more") is None


@pytest.mark.parametrize(
    "message", ['add a "title"', '"""\nraise SystemExit\n"""', "a \\ and \\", "100 % `cmd`\nsecond line"]
)
def test_any_message_becomes_the_docstring(metadata: MetaData, message: str) -> None:
    Table("tags", metadata, SqlColumn("id", BigInteger, primary_key=True))
    file = new_migration.write(message)
    assert file is not None
    docstring = ast.get_docstring(ast.parse(file.read_text()), clean=False)
    assert docstring is not None
    assert docstring.startswith(message)


@pytest.mark.parametrize("name", [name for name in columns.__all__ if isinstance(getattr(columns, name), type)])
def test_a_type_of_the_kits_is_written_by_its_short_name(name: str, metadata: MetaData) -> None:
    cls = getattr(columns, name)
    kind = cls(10) if "length" in inspect.signature(cls).parameters else cls()
    metadata.tables["messages"].append_column(SqlColumn("more", kind))
    file = new_migration.write("more")
    assert file is not None
    assert re.search(rf"^from kit\.db\.types import .*\b{name}\b", file.read_text(), re.MULTILINE)
    assert f'sa.Column("more", {kind!r}' in file.read_text()
    assert new_migration.write("nothing more") is None


class Slug(String):
    """A type of an app's own."""


def test_a_type_of_another_module_is_imported(metadata: MetaData, tmp_path: Path) -> None:
    metadata.tables["messages"].append_column(SqlColumn("slug", Slug(40), nullable=True))
    file = new_migration.write("slugs")
    assert file is not None
    assert f"import {Slug.__module__}\n" in file.read_text()
    assert f"{Slug.__module__}.Slug(length=40)" in file.read_text()
    assert new_migration.write("nothing more") is None


def test_nothing_changed_writes_nothing(metadata: MetaData, tmp_path: Path) -> None:
    files = sorted((tmp_path / "migrations" / "versions").glob("*.py"))
    assert new_migration.write("nothing") is None
    assert sorted((tmp_path / "migrations" / "versions").glob("*.py")) == files


def test_a_number_that_is_used_again_is_another_revision(metadata: MetaData) -> None:
    metadata.tables["messages"].append_column(SqlColumn("slug", String(40)))
    first = new_migration.write("slugs")
    assert first is not None
    revision = re.search(r"^revision = .*", first.read_text(), re.MULTILINE)
    first.unlink()
    second = new_migration.write("slugs")
    assert second == first
    assert revision is not None
    assert revision[0] not in second.read_text()


def test_a_rename_becomes_two_migrations_that_the_check_accepts(metadata: MetaData, tmp_path: Path) -> None:
    from kit.cli import schema

    expand, contract = new_migration.rename("messages", "text", "body")
    assert 'op.add_column("messages", sa.Column("body", sa.String(length=280), nullable=True))' in expand.read_text()
    assert 'op.drop_column("messages", "text")' in contract.read_text()
    assert schema.check(tmp_path / "migrations") == []


def test_a_rename_of_what_is_not_there_is_refused(metadata: MetaData) -> None:
    with pytest.raises(UsageError, match=r"have no messages\.title"):
        new_migration.rename("messages", "title", "headline")
    with pytest.raises(UsageError, match=r"have no users\.a"):
        new_migration.rename("users", "a", "b")


def test_a_planetscale_database_is_never_changed_directly(project: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://u:p@aws.connect.psdb.cloud/app")
    with pytest.raises(UsageError, match="deploy request"):
        migrations.upgrade()
