"""Migrations: writing them, and bringing the database to the newest schema with Alembic.

`upgrade` is for every database but PlanetScale (see `kit.planetscale`); `run` is what `migrations/env.py` calls.
"""

import io
import logging
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from alembic import command, context
from alembic.config import Config
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, create_engine, delete

from kit import references, settings
from kit.db import database, limits
from kit.db import types as columns
from kit.errors import UsageError
from kit.jobs import tables

__all__ = ["run"]


def config(engine: Engine | None = None) -> Config:
    """Alembic's configuration: the scripts in `migrations/`, for the app's database or the one of `engine`."""
    made = Config(stdout=io.StringIO())
    made.set_main_option("script_location", str(settings.PROJECT / "migrations"))
    made.set_main_option("revision_environment", "true")
    made.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    made.attributes["engine"] = engine
    return made


def upgrade(engine: Engine | None = None) -> None:
    """Apply every migration that the database does not have yet.

    Raises `UsageError` for PlanetScale, whose schema changes by deploy request, unless it is given the `engine` of a
    development branch.
    """
    if engine is None and database.is_planetscale(settings.current().database_url):
        raise UsageError("A PlanetScale database gets its schema by a deploy request, never directly: make migrate")
    command.upgrade(config(engine), "head")


def upgrade_branch(engine: Engine) -> None:
    """Apply them to a development branch, which has copies of production's rows in alembic_version."""
    forget_ancestors(engine)
    upgrade(engine)


def newest() -> str:
    """The newest migration; raises `UsageError` when two claim to be it."""
    heads = ScriptDirectory.from_config(config()).get_heads()
    if len(heads) != 1:
        raise UsageError(f"There are {len(heads)} newest migrations ({', '.join(heads)}); let one follow the other.")
    return heads[0]


def pending(engine: Engine) -> list[str]:
    """The migrations that this database does not have yet, in their order."""
    with engine.connect() as connection:
        have = set(MigrationContext.configure(connection).get_current_heads())
    scripts = ScriptDirectory.from_config(config())
    return [script.revision for script in reversed(list(scripts.iterate_revisions("heads", tuple(have) or "base")))]


def forget_ancestors(engine: Engine) -> None:
    """Keep of alembic_version's rows only those that no other one follows.

    Alembic changes its one row; PlanetScale copies rows, and so might leave the one of before beside it.
    """
    scripts = ScriptDirectory.from_config(config())
    with engine.begin() as connection:
        versions = MigrationContext.configure(connection).get_current_heads()
        for version in versions:
            others = tuple(other for other in versions if other != version)
            if any(version in {each.revision for each in scripts.iterate_revisions(other, "base")} for other in others):
                connection.execute(delete(_VERSIONS).where(_VERSIONS.c.version_num == version))


_VERSIONS = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))


def run() -> None:
    """Run the migrations that Alembic has chosen, over the app's own connection."""
    engine = context.config.attributes.get("engine") or database.engine()
    with engine.connect() as connection:
        run_over(connection.execution_options(**{limits.UNWATCHED: True}))


def run_over(connection: Connection) -> None:
    """Run them over this connection."""
    context.configure(
        connection=connection,
        target_metadata=[references.load(references.METADATA), tables.metadata],  # the app's, and the kit's own
        render_as_batch=True,  # on SQLite a column is changed by copying its table; on MySQL this is plain ALTER
        render_item=_render,
    )
    with context.begin_transaction():
        context.run_migrations()


def write(message: str) -> Path | None:
    """Write a migration from the difference between the migrations so far and the models; None without one."""

    def only_changes(_context: Any, _revision: Any, directives: list[Any]) -> None:
        if directives[0].upgrade_ops.is_empty():
            directives[:] = []

    written = _revision(message, only_changes, autogenerate=True)
    return written[0] if written else None


def rename(table: str, old: str, new: str) -> list[Path]:
    """Write the two migrations that rename a column: one adds it under its new name, one drops the old one.

    Raises `UsageError` when the models have no such column, under either name.
    """
    metadata: MetaData = references.load(references.METADATA)
    known: Any = metadata.tables[table].columns if table in metadata.tables else {}
    if (column := known.get(old)) is None and (column := known.get(new)) is None:
        raise UsageError(f"The models have no {table}.{old}; name a table and a column as the database does.")
    added = Column(new, column.type, nullable=True)
    dropped = Column(old, column.type, nullable=True)
    return [
        *_revision(f"add {new} to {table}", _only(ops.AddColumnOp(table, added), ops.DropColumnOp(table, new))),
        *_revision(f"drop {old} from {table}", _only(ops.DropColumnOp(table, old), ops.AddColumnOp(table, dropped))),
    ]


def _only(forward: Any, back: Any) -> Callable[[Any, Any, list[Any]], None]:
    def fill(_context: Any, _revision: Any, directives: list[Any]) -> None:
        directives[0].upgrade_ops.ops = [forward]
        directives[0].downgrade_ops.ops = [back]

    return fill


def _revision(message: str, fill: Callable[..., None], *, autogenerate: bool = False) -> list[Path]:
    """Write a revision, with the migrations so far applied to a database in memory: no one's data is looked at."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    engine = create_engine("sqlite://", hide_parameters=True)
    upgrade(engine)
    options = config(engine)
    number = _next_number()
    docstring = message.replace("\\", r"\\").replace('"', r"\"")  # script.py.mako puts it between triple quotes
    made = command.revision(
        options, docstring, autogenerate=autogenerate, rev_id=number, process_revision_directives=fill
    )
    engine.dispose()
    files = [Path(script.path) for script in (made if isinstance(made, Iterable) else [made]) if script]
    for tidy in (["check", "--fix"], ["format"]):  # as `make check` wants to see them
        if files:
            subprocess.run([sys.executable, "-m", "ruff", *tidy, "--quiet", *map(str, files)], check=False)  # noqa: S603
    return files


def _next_number() -> str:
    """Migrations are numbered, so that they are listed in their order."""
    numbers = [
        int(file.name[:4]) for file in (settings.PROJECT / "migrations" / "versions").glob("[0-9]" * 4 + "_*.py")
    ]
    return f"{max(numbers, default=0) + 1:04}"


def _render(kind: str, item: Any, autogenerated: Any) -> Any:
    """How the kit's own types are written in a migration; Alembic writes others in full, so their module is imported."""
    if kind != "type":
        return False
    if isinstance(item, columns.UtcDateTime):
        autogenerated.imports.add("from kit.db.types import UtcDateTime")
        return "UtcDateTime()"
    if not (module := type(item).__module__).startswith("sqlalchemy."):
        autogenerated.imports.add(f"import {module}")
    return False
