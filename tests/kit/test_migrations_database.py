"""Bringing a database to the newest schema: SQLite and a MySQL server directly."""

from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from kit.db import connection, migrations


@pytest.mark.parametrize("kind", ["sqlite", "mysql"])
def test_a_database_is_brought_to_the_newest_schema(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if kind == "mysql":
        server = request.getfixturevalue("mysql_server").with_database("migrated")
        engine = connection.connect(server.url(), ca=server.ca)
    else:
        engine = connection.connect(f"sqlite:///{tmp_path}/test.db")
    assert migrations.pending(engine)[0] == "0001"
    migrations.upgrade(engine)
    assert migrations.pending(engine) == []
    assert "messages" in inspect(engine).get_table_names()
    migrations.upgrade(engine)
    engine.dispose()


def test_a_copied_version_row_of_before_is_forgotten_and_nothing_is_applied_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    from kit import settings

    shutil.copytree(settings.PROJECT / "migrations", tmp_path / "migrations")
    monkeypatch.setattr(settings, "PROJECT", tmp_path)
    newest = migrations.newest()
    (tmp_path / "migrations/versions/9999_next.py").write_text(
        f"revision = '9999'\ndown_revision = '{newest}'\n\n\ndef upgrade() -> None: ...\n"
    )
    engine = connection.connect(f"sqlite:///{tmp_path}/test.db")
    migrations.upgrade_branch(engine)
    with engine.begin() as opened:
        opened.execute(text("INSERT INTO alembic_version VALUES (:newest)"), {"newest": newest})
    applied: list[str] = []
    migrations.upgrade_branch(engine, on_applied=lambda script: applied.append(script.revision))
    assert applied == []
    with engine.connect() as opened:
        assert opened.execute(text("SELECT version_num FROM alembic_version")).all() == [("9999",)]
    engine.dispose()
