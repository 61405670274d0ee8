"""A migration that is interrupted: on SQLite nothing of it is left, on MySQL it continues where it stopped."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from migration_project import Project
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DBAPIError

import mysql
import waiting
from kit.db import connection
from kit.db.apply.failure import MigrationFailed, MigrationStopped
from kit.db.mysql import implicit_commit
from kit.errors import UsageError

EXAMPLES = int(os.environ.get("MIGRATION_EXAMPLES", "10"))
"""Random migrations for each database."""

TITLE = 'op.add_column("messages", sa.Column("title", sa.String(80)))'
SLUG = 'op.add_column("messages", sa.Column("slug", sa.String(80)))'
TAGS = 'op.create_table("tags", sa.Column("id", sa.Integer, primary_key=True))'
INDEXED = """op.create_table("t2", sa.Column("id", sa.Integer, primary_key=True), *(
        sa.Column(name, sa.Integer, index=True) for name in "abc"))"""
WRONG = 'op.drop_column("messages", "nothing")'


@pytest.fixture
def server(mysql_server: mysql.Server) -> mysql.Server:
    return mysql_server.with_database("interrupted")


@pytest.fixture
def project(server: mysql.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    engine = connection.connect(server.url(), ca=server.ca)
    yield Project.create(tmp_path, engine, monkeypatch)
    engine.dispose()


@contextmanager
def killed(server: mysql.Server, engine: Engine, number: int, when: str, only: str = "") -> Iterator[None]:
    """Kill the connection before or after the statement of this number that contains `only`."""
    seen = 0

    def listen(opened: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal seen
        seen += only in statement
        if seen == number and only in statement:
            seen += 1
            with server.admin() as admin, admin.cursor() as cursor, suppress(Exception):
                cursor.execute(f"KILL {opened.connection.dbapi_connection.thread_id()}")

    event.listen(engine, f"{when}_cursor_execute", listen)
    try:
        yield
    finally:
        event.remove(engine, f"{when}_cursor_execute", listen)


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("when", ["before it", "before its record", "after its record"])
def test_a_connection_that_is_killed_at_a_statement_is_reported_and_the_next_run_goes_on(
    project: Project, server: mysql.Server, number: int, when: str
) -> None:
    project.write(TITLE, SLUG, "op.get_bind().execute(sa.text('SELECT 1'))")
    statement = "ALTER TABLE" if when == "before it" else "SET schema_before"
    number_of_kind = number + (when != "before it")  # the first one settles what an earlier run has left
    with killed(server, project.engine, number_of_kind, "after" if "after" in when else "before", only=statement):
        message = project.fails()
    assert f"0003 failed in its statement {number}:" in message
    done = number - (when == "before it")
    assert [line for line in message.splitlines() if line.startswith("  1.")] == [
        "  1. ALTER TABLE messages ADD COLUMN title VARCHAR(80)"
    ][:done]
    assert "Correct" not in message
    assert project.migrate() == ["0003"]
    assert {"title", "slug"} < set(project.tables()["messages"])


def test_a_statement_that_is_done_and_has_changed_is_named(project: Project) -> None:
    project.write(TITLE, SLUG, WRONG)
    project.fails()
    project.write(TITLE.replace("80", "90"), SLUG)
    with pytest.raises(UsageError, match="statement 1 is now") as caught:
        project.migrate()
    message = str(caught.value)
    assert (
        "  1. ALTER TABLE messages ADD COLUMN title VARCHAR(80)\n  2. ALTER TABLE messages ADD COLUMN slug" in message
    )
    with project.engine.begin() as opened:  # as the message says
        opened.execute(text("ALTER TABLE messages DROP COLUMN slug"))
        opened.execute(text("ALTER TABLE messages DROP COLUMN title"))
        opened.execute(text(message.splitlines()[-1]))
    assert project.migrate() == ["0003"]


def test_a_statement_that_is_done_and_was_deleted_is_named(project: Project) -> None:
    project.write(TITLE, SLUG, WRONG)
    project.fails()
    project.write(TITLE)
    with pytest.raises(UsageError, match=r"(?s)2\. ALTER TABLE .* slug.*The file does not have all of them any more"):
        project.migrate()
    project.write(TITLE, SLUG)
    assert project.migrate() == ["0003"]


def test_an_unfinished_migration_whose_file_is_gone_is_named(project: Project) -> None:
    project.write(TITLE, WRONG)
    project.fails()
    (project.folder / "0003_change.py").unlink()
    with pytest.raises(UsageError, match="does not have 0003 as a pending migration any more"):
        project.migrate()


def test_two_runs_at_once_are_kept_apart(
    project: Project, server: mysql.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(implicit_commit, "LOCK_SECONDS", 0)
    project.write(TITLE)
    other = connection.connect(server.url(), ca=server.ca)
    refused = pytest.raises(UsageError, match=r"Another run migrates this database.*\(connection \d+\)")
    with other.connect() as opened, implicit_commit.locked(opened), refused:
        project.migrate()
    other.dispose()
    assert project.migrate() == ["0003"]


def test_ctrl_c_while_the_server_goes_on_is_reported_and_what_it_did_is_known(
    project: Project, server: mysql.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(implicit_commit, "LOCK_SECONDS", 0)
    project.write(TITLE, SLUG)
    project.write(TITLE, WRONG)
    project.fails()  # so that the statement that is interrupted is the second
    project.write(TITLE, SLUG)
    with server.admin() as blocker, server.admin() as watcher:
        blocker.begin()
        blocker.cursor().execute("SELECT * FROM messages")  # ALTER TABLE waits for the end of this transaction

        def waits() -> bool:
            with watcher.cursor() as cursor:
                cursor.execute(
                    "SELECT 1 FROM information_schema.processlist WHERE state LIKE 'Waiting for table meta%'"
                )
                return cursor.fetchone() is not None

        def interrupt() -> None:
            waiting.until(waits, what="ALTER TABLE", seconds=20)
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(MigrationStopped, match=r"(?s)in its statement 2.*MySQL may still be executing it"):
            project.migrate()
        thread.join()
        with pytest.raises(UsageError, match="MySQL still executes a statement of one that was stopped"):
            project.migrate()
        blocker.rollback()
        waiting.until(lambda: not waits(), what="the end of ALTER TABLE", seconds=20)
    monkeypatch.undo()
    monkeypatch.setattr("kit.settings.PROJECT", project.folder.parents[1])
    assert "slug" in project.tables()["messages"]
    assert project.migrate() == ["0003"]


STATEMENTS = st.lists(
    st.sampled_from(
        [
            *(f'op.add_column("messages", sa.Column("c{n}", sa.String(80)))' for n in range(3)),
            *(f'op.create_table("t{n}", sa.Column("id", sa.Integer, primary_key=True))' for n in range(2)),
            INDEXED,
            'op.create_index("by_text", "messages", ["text"])',
            'op.drop_column("messages", "picture")',
            *(
                f"op.execute(\"INSERT INTO messages (text, posted_at) VALUES ('{n}', '2026-01-01 00:00:00')\")"
                for n in range(3)
            ),
            'op.execute("INSERT INTO messages (text, posted_at) SELECT text, posted_at FROM messages")',
            'assert op.get_bind().execute(sa.text("SELECT 1")).scalar() == 1',
        ]
    ),
    min_size=2,
    max_size=6,
    unique=True,
)
ERRORS = st.tuples(st.sampled_from([WRONG, "raise ZeroDivisionError", "raise KeyboardInterrupt"]), st.integers(0, 6))
FAULTS = st.lists(
    st.one_of(
        ERRORS,
        st.tuples(st.sampled_from(["before", "after"]), st.integers(10, 60)),
    ),
    min_size=1,
    max_size=3,
)


@given(statements=STATEMENTS, faults=FAULTS)
@hypothesis_settings(
    phases=[Phase.generate],
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_whatever_interrupts_a_migration_the_result_is_that_of_an_undisturbed_run(
    mysql_server: mysql.Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    statements: list[str],
    faults: list[tuple[str, int]],
) -> None:
    assert outcome(mysql_server, tmp_path, monkeypatch, statements, faults) == outcome(
        mysql_server, tmp_path, monkeypatch, statements, []
    )


def outcome(
    mysql_server: mysql.Server,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    statements: list[str],
    faults: list[tuple[str, int]],
) -> tuple[dict[str, list[str]], list[str]]:
    """The tables and the messages' texts after runs that each have one of the faults, and one that has none."""
    server = mysql_server.with_database("random_faults")
    (folder / "migrations" / "versions" / "0003_change.py").unlink(missing_ok=True)
    engine = connection.connect(server.url(), ca=server.ca)
    project = Project.create(folder, engine, monkeypatch)
    for fault, number in faults:
        position = min(number, len(statements))
        kills = fault in {"before", "after"}
        project.write(
            *statements[:position], *([] if kills else [fault]), *([] if not kills else statements[position:])
        )
        with suppress(UsageError, MigrationStopped, DBAPIError):  # also for a statement before those that are done
            if kills:
                with killed(server, engine, number, fault):
                    project.migrate()
            else:
                project.migrate()
    project.write(*statements)
    project.migrate()
    with engine.connect() as opened:
        created = {name: implicit_commit.create_table(opened, name) for name in project.tables()}
        texts = list(opened.execute(text("SELECT text FROM messages ORDER BY id")).scalars())
    engine.dispose()
    # Alembic creates a new table's indexes in any order.
    return {name: sorted(line.rstrip(",") for line in sql.splitlines()) for name, sql in created.items()}, texts


@given(statements=STATEMENTS, fault=ERRORS)
@hypothesis_settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_interrupts_a_migration_on_sqlite_nothing_of_it_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statements: list[str], fault: tuple[str, int]
) -> None:
    (tmp_path / "migrations" / "versions" / "0003_change.py").unlink(missing_ok=True)
    (tmp_path / "test.db").unlink(missing_ok=True)
    engine = connection.connect(f"sqlite:///{tmp_path}/test.db")
    project = Project.create(tmp_path, engine, monkeypatch)
    before = dump(engine)
    project.write(*statements[: fault[1]], fault[0], *statements[fault[1] :])
    with pytest.raises((MigrationFailed, MigrationStopped), match=r"Nothing of it was applied\."):
        project.migrate()
    assert dump(engine) == before
    project.write(*statements)
    assert project.migrate() == ["0003"]
    engine.dispose()


def dump(engine: Engine) -> list[str]:
    """All of a SQLite database as statements."""
    with engine.connect() as opened:
        driver: Any = opened.connection.driver_connection
        return list(driver.iterdump())
