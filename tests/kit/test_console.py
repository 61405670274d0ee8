"""The console: what is there by name, and what its session does."""

import os
import subprocess
from pathlib import Path

import pytest


def console(folder: Path, typed: str, *with_: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Type these lines into `python -m kit console`."""
    return subprocess.run(
        ["./uvw", "run", "--quiet", *with_, "python", "-m", "kit", "console"],
        cwd=folder,
        input=typed,
        env={name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"} | environ,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def database(installed_app: Path, tmp_path: Path) -> dict[str, str]:
    """A migrated database."""
    environ = {"DATABASE_URL": f"sqlite:///{tmp_path / 'app.db'}"}
    subprocess.run(
        ["./uvw", "run", "--quiet", "python", "-m", "kit", "migrate"],
        cwd=installed_app,
        env=os.environ | environ,
        check=True,
        capture_output=True,
    )
    return environ


WRITES = "with database.session() as s: s.add(Message(text='hello'))\n\n"
READS = "session.scalars(select(Message)).one().text\n"


def test_its_session_reads_what_is_committed_by_now(installed_app: Path, database: dict[str, str]) -> None:
    changes = "with database.session() as s: s.scalars(select(Message)).one().text = 'changed'\n\n"
    done = console(installed_app, WRITES + READS + changes + READS, **database)
    assert "'hello'" in done.stdout
    assert "'changed'" in done.stdout
    assert "Models: Message" in done.stderr


def test_its_session_writes_nothing_and_says_how_to(installed_app: Path, database: dict[str, str]) -> None:
    done = console(installed_app, "session.add(Message(text='no')); session.commit()\n", **database)
    assert "This session only reads. Write in a block of database.session() instead." in done.stderr
    assert "session.scalars(select(Message)).all()" not in done.stdout
    again = console(installed_app, "session.scalars(select(func.count(Message.id))).one()\n", **database)
    assert "0" in again.stdout


def test_it_shows_no_password(installed_app: Path) -> None:
    done = console(installed_app, "", DATABASE_URL="mysql://app:hidden@127.0.0.1:1/app")
    assert " mysql://app:***@127.0.0.1:1/app" in done.stderr
    assert "hidden" not in done.stderr


def test_the_exit_code_is_the_users(installed_app: Path, database: dict[str, str]) -> None:
    assert console(installed_app, "exit(4)\n", **database).returncode == 4


def test_ipython_is_used_where_it_is_installed(installed_app: Path, database: dict[str, str], tmp_path: Path) -> None:
    environ = {"IPYTHONDIR": str(tmp_path), **database}
    done = console(installed_app, WRITES + "%who_ls type\n" + READS, "--with", "ipython", **environ)
    assert "In [1]:" in done.stdout, done.stderr
    assert "hello" in done.stdout
