"""A database without tables."""

from pathlib import Path

import pytest
from sqlalchemy import column, select, table

from kit.db import database, errors
from kit.errors import UsageError


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("dialect", ["sqlite", "mysql"])
def test_a_missing_table_is_explained(
    dialect: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/empty.db")
    if dialect == "mysql":
        server = request.getfixturevalue("mysql_server").with_database("unmigrated")
        monkeypatch.setenv("DATABASE_URL", server.url())
        monkeypatch.setenv("DATABASE_CA", server.ca)
    explained = pytest.raises(UsageError, match=r"has no such table\. Migrate it first: make migrate")
    with explained, errors.explained():
        database.rows(select(column("id")).select_from(table("kit_jobs")))
