"""Models become migrations, those become tables on both databases, and these are the tables that the models would be.

All changes of `model_shapes` are made at once, each to a table of its own.
"""

import re
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import model_shapes
import pytest
import server_tables
from alembic import command
from sqlalchemy import Engine, MetaData, create_engine, inspect, text
from sqlalchemy.exc import SAWarning

import mysql
from kit import references, settings
from kit.db import connection, migrations, tables
from kit.db.schema import compare, models, new_migration
from kit.db.schema.migrated import follow

OWN = set(tables.metadata.tables) | {"alembic_version"}
NUMBERS = {f"t{number:02}": name for number, name in enumerate(model_shapes.CHANGES)}


@dataclass
class Project:
    """A project with two migrations: the tables before all changes, and the changes."""

    folder: Path
    second_attempts: list[Path | None]

    @property
    def revisions(self) -> list[str]:
        files = sorted((self.folder / "migrations" / "versions").glob("*_side_*.py"))
        return [re.search(r'^revision = "(.*)"', file.read_text(), re.MULTILINE)[1] for file in files]  # type: ignore[index]


@pytest.fixture(scope="module")
def project_of_shapes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("shapes")
    (folder / "migrations" / "versions").mkdir(parents=True)
    for name in ("env.py", "script.py.mako", "versions/0001_jobs.py"):
        shutil.copy(settings.PROJECT / "migrations" / name, folder / "migrations" / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "PROJECT", folder)
        attempts = []
        for side in (0, 1):
            patch.setattr(references, "load", lambda _, side=side: model_shapes.metadata(side))
            assert new_migration.write(f"side {side}")
            attempts.append(new_migration.write("again"))
        yield Project(folder, attempts)


def test_there_are_enough_shapes_and_changes() -> None:
    shapes = {shape for change in model_shapes.CHANGES.values() for shape in change if shape}
    assert len(shapes) >= 60
    assert len(model_shapes.CHANGES) >= 60


def test_a_second_attempt_writes_nothing(project_of_shapes: Project) -> None:
    assert project_of_shapes.second_attempts == [None, None]


def test_each_change_is_seen() -> None:
    before, after = (models.declared([model_shapes.metadata(side)]) for side in (0, 1))
    seen = {one.table for one in compare.differences(after, before)}
    assert {name for table, name in NUMBERS.items() if table not in seen} == set()


@pytest.mark.parametrize("kind", ["sqlite", "mysql"])
def test_the_migrations_create_what_the_models_would(
    kind: str, project_of_shapes: Project, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    database = Sqlite(tmp_path) if kind == "sqlite" else Mysql(request.getfixturevalue("tls_server"))
    engine = database.engine("migrated")
    states = []
    for side, revision in enumerate(project_of_shapes.revisions):
        command.upgrade(migrations.config(engine), revision)
        states.append(database.schema(engine))
        assert differing(states[side], database.created(model_shapes.metadata(side))) == {}
    if isinstance(database, Mysql):
        followed = follow(project_of_shapes.folder / "migrations").tables
        assert server_tables.differences(followed, list(database.statements(engine).values())) == ""
    command.downgrade(migrations.config(engine), project_of_shapes.revisions[0])
    assert differing(database.schema(engine), states[0]) == {}
    engine.dispose()


def differing(mine: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    """The changes whose tables differ, with the parts that only one has."""
    assert mine.keys() == theirs.keys()
    return {
        NUMBERS.get(name, name): (sorted(mine[name] - theirs[name]), sorted(theirs[name] - mine[name]))
        for name in mine
        if mine[name] != theirs[name]
    }


class Sqlite:
    """Tables in files, as SQLAlchemy reflects them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def engine(self, name: str) -> Engine:
        return connection.connect(f"sqlite:///{self.folder}/{name}.db")

    def created(self, metadata: MetaData) -> dict[str, set[str]]:
        engine = create_engine("sqlite://")
        metadata.create_all(engine)
        return self.schema(engine)

    def schema(self, engine: Engine) -> dict[str, set[str]]:
        result = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)
            inspector = inspect(engine)
            for name in set(inspector.get_table_names()) - OWN:
                parts: list[Any] = []
                for column in inspector.get_columns(name):
                    default = column["default"] and server_tables.normal(column["default"])
                    computed = column.get("computed") and {
                        "sqltext": server_tables.normal(column["computed"]["sqltext"])
                    }
                    parts.append((column["name"], str(column["type"]), column["nullable"], default, computed))
                parts.append(("primary", *inspector.get_pk_constraint(name)["constrained_columns"]))
                parts += [("unique", *one["column_names"]) for one in inspector.get_unique_constraints(name)]
                parts += [
                    ("check", server_tables.normal(one["sqltext"])) for one in inspector.get_check_constraints(name)
                ]
                parts += [
                    ("foreign key", *one["constrained_columns"], one["referred_table"], str(one["options"]))
                    for one in inspector.get_foreign_keys(name)
                ]
                result[name] = {str(part) for part in parts}
        with engine.connect() as opened:
            query = text("SELECT tbl_name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
            for name, sql in opened.execute(query):
                if name in result:
                    result[name].add(server_tables.normal(sql))
        return result


class Mysql:
    """Tables on a server, as it prints them."""

    def __init__(self, server: mysql.Server) -> None:
        self.server = server

    def engine(self, name: str) -> Engine:
        server = self.server.with_database(name)
        with server.admin() as admin, admin.cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin")
        return connection.connect(server.url(), ca=server.ca)

    def created(self, metadata: MetaData) -> dict[str, set[str]]:
        engine = self.engine("created")
        metadata.create_all(engine)
        result = self.schema(engine)
        engine.dispose()
        return result

    def statements(self, engine: Engine) -> dict[str, str]:
        with engine.connect() as opened:
            names = opened.execute(text("SHOW TABLES")).scalars().all()
            return {name: opened.execute(text(f"SHOW CREATE TABLE {name}")).one()[1] for name in names}

    def schema(self, engine: Engine) -> dict[str, set[str]]:
        result = {}
        for name, sql in self.statements(engine).items():
            lines = [re.sub(r" AUTO_INCREMENT=\d+", "", line).strip().rstrip(",") for line in sql.splitlines()]
            lines = [re.sub(r"_(chk|ibfk)_\d+`", r"_\1`", line) for line in lines]
            if name not in OWN:
                result[name] = set(lines)
        return result
