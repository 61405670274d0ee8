"""Where models and migrations differ: what `make check` says, what `make migration` refuses, and what is only noted."""

import argparse
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import (
    CheckConstraint,
    Column,
    Computed,
    Enum,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects import mysql

from kit.cli import schema
from kit.db.schema import new_migration, report, written
from kit.errors import UsageError


def versions(folder: Path) -> list[str]:
    return sorted(file.name for file in (folder / "migrations" / "versions").glob("*.py"))


def write_by_hand(folder: Path, *statements: str) -> None:
    """A migration after the wall's, with these statements for MySQL from line 6 on."""
    lines = ['"""By hand."""', "from alembic import op", 'revision, down_revision = "0003", "0002"', "def upgrade():"]
    lines += [
        '    if op.get_context().dialect.name == "mysql":',
        *(f"        op.execute({one!r})" for one in statements),
    ]
    (folder / "migrations" / "versions" / "0003_by_hand.py").write_text("\n".join(lines))


def test_the_wall_and_its_migrations_do_not_differ(project: None) -> None:
    assert report.report().problems == []


def test_a_column_without_a_migration(metadata: MetaData) -> None:
    metadata.tables["messages"].append_column(Column("slug", String(40)))
    (problem,) = report.report().problems
    assert problem.endswith("has messages.slug, no migration has")


def test_a_table_is_looked_for_in_the_file_of_its_class() -> None:
    assert report.models_file("messages") == "app/models.py"
    assert report.models_file("kit_jobs") == "the kit"


def test_a_column_that_only_the_migrations_have(metadata: MetaData, tmp_path: Path) -> None:
    write_by_hand(tmp_path, "ALTER TABLE messages ADD slug VARCHAR(40)")
    (problem,) = report.report().problems
    assert problem.startswith("messages.slug is in the migrations, and not in ")
    assert problem.endswith("(migrations/versions/0003_by_hand.py)")


def test_a_column_of_another_type(metadata: MetaData) -> None:
    metadata.tables["messages"].columns["text"].type = String(300)
    (problem,) = report.report().problems
    assert problem.startswith("messages.text is VARCHAR(300) in ")
    assert problem.endswith("and VARCHAR(280) in the migrations")


@pytest.mark.parametrize(
    ("more", "missing", "named"),
    [
        ("ON UPDATE NOW(6)", "ON UPDATE", "ON UPDATE CURRENT_TIMESTAMP(6)"),
        ("INVISIBLE", "other attributes", "INVISIBLE"),
    ],
)
def test_what_the_column_of_a_model_lacks_is_named(
    more: str, missing: str, named: str, metadata: MetaData, tmp_path: Path
) -> None:
    write_by_hand(tmp_path, EARLIER.format(f"at DATETIME(6) {more}"))
    Table("notes", metadata, Column("id", Integer, primary_key=True), Column("at", mysql.DATETIME(fsp=6)))
    (problem,) = report.report().problems
    assert problem.startswith(f"notes.at is without {missing} in ")
    assert problem.endswith(f" and {named} in the migrations")


def test_the_check_fails_with_the_next_step(metadata: MetaData) -> None:
    metadata.tables["messages"].append_column(Column("slug", String(40)))
    with pytest.raises(UsageError, match=r"has messages\.slug, no migration has\.\n\n.*: make migration m="):
        schema.run_check(argparse.Namespace())


def test_a_deployment_begins_with_the_check(app: Path) -> None:
    commands = subprocess.run(["make", "-n", "deploy"], cwd=app, capture_output=True, text=True, check=True).stdout
    assert commands.index("kit schema check") < commands.index("kit deploy")


EARLIER = "CREATE TABLE notes (id INT NOT NULL AUTO_INCREMENT, {}, PRIMARY KEY (id))"
UNSEEN = {
    "a member more in an Enum": ("s ENUM('a')", [Column("s", Enum("a", "b", name="s"))]),
    "another server default": ("n INT DEFAULT 1", [Column("n", Integer, server_default="2")]),
    "an index on an expression": ("a VARCHAR(9)", [Column("a", String(9)), Index("i", func.lower(text("a")))]),
    "a descending index": ("a VARCHAR(9)", [Column("a", String(9)), Index("i", text("a DESC"))]),
    "a longer text": ("a TEXT", [Column("a", Text(2_000_000))]),
    "a longer text by a variant": ("a TEXT", [Column("a", Text().with_variant(mysql.MEDIUMTEXT(), "mysql"))]),
    "another computed expression": (
        "n INT GENERATED ALWAYS AS (id + 1)", [Column("n", Integer, Computed("id + 2"))],
    ),
    "another check": (
        "n INT, CONSTRAINT c CHECK (n > 1)", [Column("n", Integer), CheckConstraint("n > 2", name="c")],
    ),
    "a check beside a column": ("n INT", [Column("n", Integer, CheckConstraint("n > 2"))]),
    "a column without a migration": ("n INT", [Column("n", Integer), Column("m", Integer)]),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSEEN)
def test_what_sqlite_does_not_keep_is_seen(name: str, metadata: MetaData, tmp_path: Path) -> None:
    before, after = UNSEEN[name]
    write_by_hand(tmp_path, EARLIER.format(before))
    Table("notes", metadata, Column("id", Integer, primary_key=True), *after)
    assert len(report.report().problems) == 1


def test_what_sqlite_cannot_have_is_refused_and_leaves_no_file(metadata: MetaData, tmp_path: Path) -> None:
    before = versions(tmp_path)
    metadata.tables["messages"].append_column(Column("n", mysql.TINYINT()))
    with pytest.raises(UsageError, match=r"(?s)SQLite, .*TINYINT.*with_variant\(TINYINT\(\), \"mysql\"\)"):
        new_migration.write("tiny")
    assert versions(tmp_path) == before


def test_a_foreign_key_to_text_of_another_collation_is_refused(metadata: MetaData, tmp_path: Path) -> None:
    file = tmp_path / "migrations" / "versions" / "0003_users.py"
    file.write_text(
        'import sqlalchemy as sa\nfrom alembic import op\nrevision, down_revision = "0003", "0002"\n'
        "def upgrade():\n"
        '    op.create_table("users", sa.Column("name", sa.String(20), primary_key=True), mysql_charset="utf8mb4")\n'
    )
    Table("users", metadata, Column("name", String(20), primary_key=True))
    pets = Table("pets", metadata, Column("id", Integer, primary_key=True), Column("owner", ForeignKey("users.name")))
    files = versions(tmp_path)
    with pytest.raises(UsageError, match=r"pets\.owner to users\.name \(error 3780\).*0900_bin and utf8mb4_0900_ai_ci"):
        new_migration.write("pets")
    assert versions(tmp_path) == files
    pets.dialect_kwargs["mysql_collate"] = "utf8mb4_0900_ai_ci"
    assert new_migration.write("pets")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [("n INT", Computed("id + 1"), "computed"), ("n INT AS (id + 1)", None, "an ordinary column")],
    ids=["to computed", "from computed"],
)
def test_values_that_would_be_lost_are_refused(
    before: str, after: Computed | None, words: str, metadata: MetaData, tmp_path: Path
) -> None:
    write_by_hand(tmp_path, EARLIER.format(before))
    files = versions(tmp_path)
    Table("notes", metadata, Column("id", Integer, primary_key=True), Column("n", Integer, *([after] if after else [])))
    with pytest.raises(
        UsageError, match=rf"notes\.n can't become {words} and keep its values\. Add a column of another"
    ):
        new_migration.write("lost")
    assert versions(tmp_path) == files


def test_what_mysql_cannot_have_is_refused_and_leaves_no_file(metadata: MetaData, tmp_path: Path) -> None:
    before = versions(tmp_path)
    metadata.tables["messages"].append_column(Column("a", String()))
    with pytest.raises(UsageError, match=r"MySQL cannot have the table messages: .*VARCHAR requires a length"):
        new_migration.write("without a length")
    assert versions(tmp_path) == before


def test_a_table_of_another_schema_is_refused(metadata: MetaData, tmp_path: Path) -> None:
    before = versions(tmp_path)
    Table("notes", metadata, Column("id", Integer, primary_key=True), schema="shop")
    with pytest.raises(UsageError, match=r"notes has schema='shop'.*1142.*shop_notes"):
        new_migration.write("notes")
    with pytest.raises(UsageError, match="notes has schema='shop'"):
        report.report()
    assert versions(tmp_path) == before


def test_what_no_operation_changes_is_refused_and_leaves_no_file(
    metadata: MetaData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = versions(tmp_path)
    metadata.tables["messages"].append_column(Column("slug", String(50)))
    monkeypatch.setattr(new_migration, "operations", lambda *_: [])
    with pytest.raises(UsageError, match=r"(?s)No operation makes this change:.*messages\.slug.*by hand"):
        new_migration.write("nothing")
    assert versions(tmp_path) == before


UNKNOWN = "ALTER TABLE messages ADD COLUMN (a INT, b INT)"


def test_sql_that_is_not_known_is_noted_with_its_table(metadata: MetaData, tmp_path: Path) -> None:
    write_by_hand(tmp_path, UNKNOWN, "CREATE TABLE tags (id INT NOT NULL, PRIMARY KEY (id))")
    metadata.tables["messages"].append_column(Column("slug", String(40)))
    result = report.report()
    (note,) = (note for note in result.notes if "followed" in note)
    assert note == (
        f"migrations/versions/0003_by_hand.py:6: `{UNKNOWN}` cannot be followed, "
        "so messages is not compared with the models from here on."
    )
    assert [problem.partition(" is in")[0] for problem in result.problems] == ["tags"]


def test_a_statement_without_a_table_is_noted(metadata: MetaData, tmp_path: Path) -> None:
    write_by_hand(tmp_path, "CALL change_all()")
    assert any("`CALL change_all()` cannot be followed" in note for note in report.report().notes)


def test_rows_and_routines_change_no_table(metadata: MetaData, tmp_path: Path) -> None:
    write_by_hand(
        tmp_path, "UPDATE messages SET text = 'x'", "CREATE TRIGGER t BEFORE INSERT ON messages FOR EACH ROW SET @a = 1"
    )
    result = report.report()
    assert result.problems == []
    assert not any("followed" in note for note in result.notes)


def test_an_older_collation_stays_and_is_noted(metadata: MetaData, tmp_path: Path) -> None:
    write_by_hand(tmp_path, "ALTER TABLE messages COLLATE utf8mb4_0900_ai_ci")
    result = report.report()
    assert result.problems == []
    (note,) = (note for note in result.notes if "messages" in note)
    assert "utf8mb4_0900_ai_ci" in note
    assert "CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin" in note


def test_a_collation_that_the_model_names_is_changed(metadata: MetaData, tmp_path: Path) -> None:
    write_by_hand(tmp_path, "ALTER TABLE messages COLLATE utf8mb4_0900_ai_ci")
    metadata.tables["messages"].dialect_kwargs["mysql_collate"] = "utf8mb4_0900_bin"
    file = new_migration.write("compare code points")
    assert file is not None
    assert (
        'op.execute("ALTER TABLE messages CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin")'
        in file.read_text()
    )
    assert not any("messages" in note for note in report.report().notes)


def test_a_migration_that_asks_the_database_cannot_be_compared(metadata: MetaData, tmp_path: Path) -> None:
    file = tmp_path / "migrations" / "versions" / "0003_asks.py"
    file.write_text(
        'from alembic import op\nimport sqlalchemy as sa\nrevision, down_revision = "0003", "0002"\n'
        'def upgrade():\n    op.get_bind().execute(sa.text("SELECT 1")).scalar_one()\n'
    )
    metadata.tables["messages"].append_column(Column("slug", String(40)))
    assert report.report().problems == []
    assert any("0003_asks.py:5: it cannot be read without a database" in note for note in report.report().notes)
    with pytest.raises(UsageError, match=r"0003_asks\.py:5 cannot be read without a database"):
        new_migration.write("slug")


def test_a_migration_names_the_columns_of_an_expression_without_their_table() -> None:
    table = Table("messages", MetaData(), Column("text", String(9)))
    assert written.compiled(func.lower(table.c.text) + "x", written.SQLITE) == "lower(text) || 'x'"
