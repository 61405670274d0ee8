"""What somebody has changed in a database by hand: how its tables differ from those that the migrations create.

It is only reported, never changed. On MySQL it needs sqlglot, which the image does not have.
"""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import chain

from alembic import command
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect

from kit import settings
from kit.db import connection as connections
from kit.db import migrations
from kit.db.apply import progress

Shape = dict[str, dict[str, str]]
"""For each table its parts, such as `column text`, with their definition."""

_OTHERS = {"alembic_version", progress.TABLE.name}
"""Tables that no migration creates."""

_PARTITIONS = re.compile(r"/\*!\d+ PARTITION BY.*\*/", re.DOTALL)
"""As SHOW CREATE TABLE writes them; they are not compared."""


def lines(engine: Engine) -> list[str]:
    """Return a line for each difference. A migration that is done in part makes none."""
    with engine.connect() as connection:
        heads = MigrationContext.configure(connection).get_current_heads()
        if engine.dialect.name == "sqlite":
            from kit.db.sqlite import shape

            return _differences(_on_sqlite(heads), shape.read(connection))
        if find_spec("sqlglot") and not inspect(connection).has_table(progress.TABLE.name):
            return _on_mysql(connection, heads)
    return []


def _on_sqlite(heads: tuple[str, ...]) -> Shape:
    from kit.db.sqlite import shape

    engine = connections.connect("sqlite://")
    for head in heads:
        command.upgrade(migrations.config(engine), head)
    with engine.connect() as connection:
        created = shape.read(connection)
    engine.dispose()
    return created


def _on_mysql(connection: Connection, heads: tuple[str, ...]) -> list[str]:
    from kit.db.mysql import implicit_commit
    from kit.db.schema import render_sql, shape
    from kit.db.schema.tables import Tables

    created, live = Tables(), Tables()
    folder = settings.PROJECT / "migrations"
    applied = {script.revision for script in ScriptDirectory(str(folder)).iterate_revisions(heads or "base", "base")}
    for script in render_sql.scripts(folder):
        try:
            statements = render_sql.statements(script) if script.revision in applied else []
        except render_sql.Unreadable as error:
            file = error.file.relative_to(settings.PROJECT).as_posix()
            return [f"what was changed can't be known: {file}:{error.line} can't be read without a database"]
        for statement in statements:
            created.apply_sql(statement.sql)
    unfollowed = sorted(name for name in created.tables if created.table(name).unfollowed)
    for name in unfollowed:
        del created.tables[name]
    for name, kind in connection.exec_driver_sql("SHOW FULL TABLES"):
        if kind == "BASE TABLE" and name not in unfollowed:
            live.apply_sql(_PARTITIONS.sub("", implicit_commit.create_table(connection, name)))
    collation = connection.exec_driver_sql("SELECT @@collation_database").scalar_one()
    return [
        *_differences(shape.of_tables(created, collation), shape.of_tables(live, collation)),
        *(f"{name}: what was changed can't be known, its migrations can't be followed" for name in unfollowed),
    ]


def _differences(created: Shape, live: Shape) -> list[str]:
    found = list(chain.from_iterable(_of_table(name, created[name], live.get(name)) for name in sorted(created)))
    more = sorted(live.keys() - created.keys() - _OTHERS) if found else []  # alone, they belong to another program
    return [*found, *(f"{name}: no migration creates this table" for name in more)]


def _of_table(name: str, created: dict[str, str], live: dict[str, str] | None) -> Iterator[str]:
    if live is None:
        yield f"{name}: the table is missing"
        return
    for part in [*created, *(live.keys() - created.keys())]:
        kind, _, rest = part.partition(" ")
        what = f"{name}.{rest}" if kind == "column" else f"{name}: the {part}"
        if part not in created:
            yield f"{what}: {live[part] or 'it'} is in no migration"
        elif part not in live:
            yield f"{what}: missing, the migrations create {created[part]}".rstrip()
        elif created[part] != live[part]:
            yield f"{what}: {live[part]}, the migrations create {created[part]}"
