"""Bringing a database to the newest schema: SQLite and a MySQL server directly."""

from pathlib import Path

import pytest
from conftest import Tls
from sqlalchemy import inspect, text

from kit import connection, migrations


@pytest.mark.parametrize("kind", ["sqlite", "mysql"])
def test_a_database_is_brought_to_the_newest_schema(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if kind == "mysql":
        tls: Tls = request.getfixturevalue("tls_server")
        engine = connection.connect(tls.server.url(), ca=tls.ca)
    else:
        engine = connection.connect(f"sqlite:///{tmp_path}/test.db")
    with engine.begin() as opened:
        for table in ("messages", "alembic_version"):
            opened.execute(text(f"DROP TABLE IF EXISTS {table}"))
    assert migrations.pending(engine) == ["0001"]
    migrations.upgrade(engine)
    assert migrations.pending(engine) == []
    assert "messages" in inspect(engine).get_table_names()
    migrations.upgrade(engine)
    engine.dispose()


def test_a_copied_version_row_of_before_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    from kit import settings

    shutil.copytree(settings.PROJECT / "migrations", tmp_path / "migrations")
    monkeypatch.setattr(settings, "PROJECT", tmp_path)
    (tmp_path / "migrations/versions/0002_next.py").write_text(
        "revision = '0002'\ndown_revision = '0001'\n\n\ndef upgrade() -> None: ...\n"
    )
    engine = connection.connect(f"sqlite:///{tmp_path}/test.db")
    migrations.upgrade(engine)
    with engine.begin() as opened:
        opened.execute(text("INSERT INTO alembic_version VALUES ('0001')"))
    migrations.forget_ancestors(engine)
    with engine.connect() as opened:
        assert opened.execute(text("SELECT version_num FROM alembic_version")).all() == [("0002",)]
    engine.dispose()
