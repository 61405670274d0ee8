"""A database that somebody changed by hand: `make migrate` reports it, and leaves it as it is."""

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text

import mysql
from kit import settings
from kit.cli import migrate
from kit.db import connection, database, migrations
from kit.db.apply import drift
from kit.db.apply.failure import MigrationFailed
from kit.errors import UsageError

CORPUS = Path(__file__).parent / "corpus"


@pytest.fixture
def server(request: pytest.FixtureRequest) -> mysql.Server:
    server: mysql.Server = request.getfixturevalue("mysql_server")
    return server.with_database("drift")


@pytest.fixture(params=["sqlite", "mysql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A database with the template's migrations, whose folder may be changed."""
    if request.param == "mysql":
        server: mysql.Server = request.getfixturevalue("server")
        engine = connection.connect(server.url(), ca=server.ca)
    else:
        engine = connection.connect(f"sqlite:///{tmp_path}/test.db")
    shutil.copytree(settings.PROJECT / "migrations", tmp_path / "migrations")
    monkeypatch.setattr(settings, "PROJECT", tmp_path)
    monkeypatch.setattr(database, "engine", lambda: engine)
    migrations.upgrade(engine)
    yield engine
    engine.dispose()


def change(engine: Engine, *statements: str) -> None:
    with engine.begin() as opened:
        for statement in statements:
            opened.execute(text(statement))


def run(*words: str) -> None:
    parser = argparse.ArgumentParser()
    migrate.register(parser.add_subparsers())
    arguments = parser.parse_args(["migrate", *words])
    arguments.run(arguments)


def test_what_only_migrations_have_changed_is_reported_by_nothing_but_one_line(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    run()
    assert capsys.readouterr().err == f"{database.address()} is up to date: 0002 is applied.\n"


def test_what_was_changed_by_hand_is_reported_and_stays(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    change(
        engine,
        "ALTER TABLE messages ADD COLUMN extra INTEGER",
        "CREATE INDEX by_text ON messages (text)",
        "DROP TABLE kit_outbox",
        "CREATE TABLE notes (id INTEGER PRIMARY KEY)",
    )
    run()
    reported = capsys.readouterr().err.splitlines()
    assert "  kit_outbox: the table is missing" in reported
    assert "  messages: the index by_text: (text) is in no migration" in reported
    assert "  notes: no migration creates this table" in reported
    assert [line for line in reported if line.startswith("  messages.extra: INT")]
    assert len([line for line in reported if line.startswith("  ")]) == 4
    assert "extra" in {column["name"] for column in inspect(engine).get_columns("messages")}


def test_another_programs_tables_alone_are_not_reported(engine: Engine) -> None:
    change(engine, "CREATE TABLE django_session (id INTEGER PRIMARY KEY)")
    assert drift.lines(engine) == []


@pytest.mark.parametrize("engine", ["mysql"], indirect=True)
@pytest.mark.parametrize(
    ("change_by_hand", "part", "found", "created"),
    [
        (
            "ALTER TABLE messages MODIFY text VARCHAR(100) NOT NULL",
            "messages.text",
            "VARCHAR(100) NOT NULL COLLATE utf8mb4_0900_bin",
            "VARCHAR(280) NOT NULL COLLATE utf8mb4_0900_bin",
        ),
        (
            "ALTER TABLE messages MODIFY text VARCHAR(280) COLLATE utf8mb4_general_ci NOT NULL",
            "messages.text",
            "VARCHAR(280) NOT NULL COLLATE utf8mb4_general_ci",
            "VARCHAR(280) NOT NULL COLLATE utf8mb4_0900_bin",
        ),
        (
            "ALTER TABLE kit_schedule_runs CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
            "kit_schedule_runs.schedule",
            "VARCHAR(64) NOT NULL COLLATE utf8mb4_unicode_ci",
            "VARCHAR(64) NOT NULL COLLATE utf8mb4_0900_bin",
        ),
        (
            "ALTER TABLE messages MODIFY posted_at DATETIME NOT NULL",
            "messages.posted_at",
            "DATETIME NOT NULL",
            "DATETIME(6) NOT NULL",
        ),
        (
            "ALTER TABLE kit_jobs ALTER state SET DEFAULT 'new'",
            "kit_jobs.state",
            "VARCHAR(10) NOT NULL DEFAULT 'new' COLLATE utf8mb4_0900_bin",
            "VARCHAR(10) NOT NULL COLLATE utf8mb4_0900_bin",
        ),
        ("ALTER TABLE kit_jobs DROP INDEX kit_jobs_id", "kit_jobs: the index kit_jobs_id", "missing", "(id)"),
        (
            "ALTER TABLE kit_jobs DROP INDEX kit_jobs_id, ADD UNIQUE kit_jobs_id (id(5))",
            "kit_jobs: the index kit_jobs_id",
            "UNIQUE (id(5))",
            "(id)",
        ),
    ],
)
def test_another_definition_is_reported_beside_that_of_the_migrations(
    engine: Engine, change_by_hand: str, part: str, found: str, created: str
) -> None:
    change(engine, change_by_hand)
    assert f"{part}: {found}, the migrations create {created}" in drift.lines(engine)


@pytest.mark.parametrize(
    "script",
    sorted(file.stem for file in CORPUS.glob("good_*.py") if file.stem != "good_swap_the_primary_key"),  # error 1075
)
def test_what_migrations_have_made_on_mysql_is_never_reported(
    script: str, server: mysql.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "migrations" / "versions"
    folder.mkdir(parents=True)
    shutil.copy(settings.PROJECT / "migrations" / "env.py", folder.parent)
    shutil.copy(CORPUS / "base.py", folder)
    shutil.copy(CORPUS / f"{script}.py", folder)
    monkeypatch.setattr(settings, "PROJECT", tmp_path)
    engine = connection.connect(server.url(), ca=server.ca)
    migrations.upgrade(engine)
    reported = drift.lines(engine)
    engine.dispose()
    assert [line for line in reported if "can't be followed" not in line] == []


def test_a_revision_that_the_project_does_not_have_is_reported(engine: Engine) -> None:
    change(engine, "UPDATE alembic_version SET version_num = '0007'")
    for words in [], ["--dry-run"]:
        with pytest.raises(UsageError, match=r"has the migration 0007, and migrations/ does not\. Nothing was changed"):
            run(*words)


def test_a_number_that_was_used_again_is_reported(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    folder = settings.PROJECT / "migrations" / "versions"
    text = (
        'import sqlalchemy as sa\nfrom alembic import op\nrevision = "0003"\ndown_revision = "0002"\n\ndef upgrade():\n'
    )
    first, second = folder / "0003_slug.py", folder / "0003_title.py"
    first.write_text(f'{text}    op.add_column("messages", sa.Column("slug", sa.String(80)))\n')
    run()
    first.unlink()
    second.write_text(f'{text}    op.add_column("messages", sa.Column("title", sa.String(80)))\n')
    capsys.readouterr()
    run()
    reported = capsys.readouterr().err
    assert "messages.title: missing, the migrations create VARCHAR(80) NULL" in reported
    assert "messages.slug: VARCHAR(80) NULL" in reported


def test_a_migration_that_fails_because_of_it_is_explained(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    change(engine, "ALTER TABLE messages ADD COLUMN slug INTEGER")
    (settings.PROJECT / "migrations" / "versions" / "0003_slug.py").write_text(
        'import sqlalchemy as sa\nfrom alembic import op\nrevision = "0003"\ndown_revision = "0002"\n\n'
        'def upgrade():\n    op.add_column("messages", sa.Column("slug", sa.String(80)))\n'
    )
    with pytest.raises(MigrationFailed, match=r"(?i)duplicate column name"):
        run()
    assert "messages.slug: INT" in capsys.readouterr().err
