"""A migration that fails: what is said, what is left behind, and that it runs through after a correction."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from migration_project import FIRST_LINE, Project
from sqlalchemy import text

import mysql
from kit.db import connection, migrations
from kit.db.apply.failure import MigrationStopped

TITLE = 'op.add_column("messages", sa.Column("title", sa.String(80)))'
SLUG = 'op.add_column("messages", sa.Column("slug", sa.String(80)))'
TAGS = 'op.create_table("tags", sa.Column("id", sa.Integer, primary_key=True))'
WRONG = 'op.drop_column("messages", "nothing")'


@pytest.fixture(params=["sqlite", "mysql"])
def project(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    if request.param == "mysql":
        server: mysql.Server = request.getfixturevalue("mysql_server").with_database("failing")
        engine = connection.connect(server.url(), ca=server.ca)
    else:
        engine = connection.connect(f"sqlite:///{tmp_path}/test.db")
    yield Project.create(tmp_path, engine, monkeypatch)
    engine.dispose()


@pytest.fixture
def is_mysql(project: Project) -> bool:
    return project.engine.dialect.name == "mysql"


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_a_failure_in_any_of_three_statements_leaves_what_is_said_and_runs_through_when_corrected(
    project: Project, is_mysql: bool, wrong: int
) -> None:
    before = project.tables()
    statements = [TITLE, SLUG, TAGS]
    project.write(*statements[:wrong], WRONG, *statements[wrong + 1 :])
    for _ in range(2):  # whether corrected or not
        message = project.fails()
        assert f"migrations/versions/0003_change.py:{FIRST_LINE + wrong}: 0003 failed in its statement" in message
        assert "ALTER TABLE messages DROP" in message
        if is_mysql:
            assert "MySQL error 1091: Can't DROP 'nothing'" in message
        if is_mysql and wrong:
            assert f"  {wrong}. ALTER TABLE messages ADD COLUMN" in message
            assert "It continues after them." in message
        else:
            assert "Nothing of it was applied." in message
            assert project.tables() == before
    project.write(*statements)
    assert project.migrate() == ["0003"]
    assert project.tables() == before | {"messages": [*before["messages"], "title", "slug"], "tags": ["id"]}
    assert project.migrate() == []


def test_an_unfinished_migration_leaves_a_table_only_while_something_is_done(project: Project, is_mysql: bool) -> None:
    progress = "kit_migration_progress"
    project.write(WRONG, TITLE)
    project.fails()
    assert progress not in project.tables()
    project.write(TITLE, WRONG)
    project.fails()
    assert (progress in project.tables()) is is_mysql
    project.write(TITLE, SLUG)
    project.migrate()
    assert progress not in project.tables()


def test_of_several_pending_migrations_those_before_the_failure_stay_applied(project: Project, is_mysql: bool) -> None:
    project.write(TITLE)
    project.write(SLUG, WRONG, revision="0004", down="0003")
    project.write(TAGS, revision="0005", down="0004")
    assert "0004 failed in its statement 2" in project.fails()
    assert project.applied == ["0003"]
    assert migrations.pending(project.engine) == ["0004", "0005"]
    assert ("slug" in project.tables()["messages"]) is is_mysql
    project.write(SLUG, revision="0004", down="0003")
    assert project.migrate() == ["0004", "0005"]


def test_two_statements_in_one_call_are_not_executed_and_explained(project: Project) -> None:
    before = project.tables()
    project.write('op.execute("CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INTEGER PRIMARY KEY)")')
    message = project.fails()
    assert "A call of op.execute takes a single statement." in message
    assert "Nothing of it was applied." in message
    assert project.tables() == before


INSERT = "op.execute(\"INSERT INTO messages (text, posted_at) VALUES ('first', '2026-01-01 00:00:00')\")"
COPY = [
    "result = op.get_bind().execute(sa.text(\"INSERT INTO messages (text, posted_at) VALUES ('new', '2026-01-01')\"))",
    'op.get_bind().execute(sa.text("UPDATE messages SET text = :t WHERE id = :i"), {"t": "100 %", "i": result.lastrowid})',
    "updated = op.get_bind().execute(sa.text(\"UPDATE messages SET title = 'x'\"))",
    "assert updated.rowcount == 2",
]


def texts(project: Project) -> list[str]:
    with project.engine.connect() as opened:
        return list(opened.execute(text("SELECT text FROM messages ORDER BY id")).scalars())


def test_rows_are_changed_once_whatever_fails_after_them(project: Project) -> None:
    project.write(TITLE, INSERT, *COPY, SLUG, "raise ZeroDivisionError('here')")
    message = project.fails()
    assert f"0003_change.py:{FIRST_LINE + 7}: 0003 failed after its statement 6." in message
    assert "ZeroDivisionError: here" in message
    project.write(TITLE, INSERT, *COPY, SLUG, WRONG)
    project.fails()
    project.write(TITLE, INSERT, *COPY, SLUG, TAGS)
    assert project.migrate() == ["0003"]
    assert texts(project) == ["first", "100 %"]


def test_rows_that_no_later_change_of_the_schema_has_committed_are_rolled_back(project: Project) -> None:
    project.write(TITLE, INSERT, "raise ZeroDivisionError")
    message = project.fails()
    assert "INSERT INTO" not in message
    assert texts(project) == []
    project.write(TITLE, INSERT)
    assert project.migrate() == ["0003"]
    assert texts(project) == ["first"]


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
def test_an_error_that_the_migration_catches_does_not_count(project: Project) -> None:
    caught = [
        "from sqlalchemy.exc import DBAPIError",
        "try:",
        f"    {WRONG}",
        "except DBAPIError:",
        "    pass",
    ]
    project.write(TITLE, *caught, SLUG, "raise ZeroDivisionError")
    project.fails()
    project.write(TITLE, *caught, SLUG, TAGS)
    assert project.migrate() == ["0003"]
    assert {"title", "slug"} < set(project.tables()["messages"])


def test_ctrl_c_says_what_is_done(project: Project, is_mysql: bool) -> None:
    project.write(TITLE, "raise KeyboardInterrupt")
    with pytest.raises(MigrationStopped, match=r"(?s)0003 failed after its statement 1.*Ctrl-C") as stopped:
        project.migrate()
    assert ("It continues after them." if is_mysql else "Nothing of it was applied.") in str(stopped.value)
    project.write(TITLE, SLUG)
    assert project.migrate() == ["0003"]


def test_a_file_that_is_no_python_is_named(project: Project) -> None:
    project.write("this is no Python")
    message = project.fails()
    assert message.startswith(f"migrations/versions/0003_change.py:{FIRST_LINE}: it failed before its first statement.")
    assert "SyntaxError" in message


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
def test_sqlites_own_words_for_a_required_column_are_kept(project: Project) -> None:
    with project.engine.begin() as opened:
        opened.execute(text("INSERT INTO messages (text, posted_at) VALUES ('first', '2026-01-01')"))
    project.write('op.add_column("messages", sa.Column("likes", sa.Integer, nullable=False))')
    message = project.fails()
    assert "ALTER TABLE messages ADD COLUMN likes INTEGER NOT NULL" in message
    assert "Cannot add a NOT NULL column with default value NULL" in message
    assert "Give the column a server default" in message
    assert "DATABASE_URL" not in message


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
def test_copying_a_table_keeps_the_rows_that_refer_to_it(project: Project) -> None:
    with project.engine.begin() as opened:
        opened.execute(text("INSERT INTO messages (id, text, posted_at) VALUES (1, 'first', '2026-01-01')"))
        opened.execute(text("CREATE TABLE likes (message_id INTEGER REFERENCES messages (id) ON DELETE CASCADE)"))
        opened.execute(text("INSERT INTO likes VALUES (1)"))
    alter = ['with op.batch_alter_table("messages") as batch:', '    batch.alter_column("text", type_=sa.String(400))']
    project.write(*alter, 'op.execute("DELETE FROM messages")')
    message = project.fails()
    assert "0003 failed at its end" in message
    assert "1 rows would refer to missing ones, such as likes to messages" in message
    project.write(*alter)
    assert project.migrate() == ["0003"]
    with project.engine.begin() as opened:
        assert opened.execute(text("SELECT count(*) FROM likes")).scalar() == 1
        opened.execute(text("DELETE FROM messages"))  # enforced again
        assert opened.execute(text("SELECT count(*) FROM likes")).scalar() == 0


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
def test_what_a_migration_commits_itself_is_named(project: Project) -> None:
    project.write("with op.get_context().autocommit_block():", f"    {TITLE}", WRONG)
    message = project.fails()
    assert "It has committed these statements by itself:\n  1. ALTER TABLE messages ADD COLUMN title" in message
    assert "title" in project.tables()["messages"]
