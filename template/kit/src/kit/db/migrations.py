"""Write migrations, and apply them with Alembic.

`upgrade` is for every database but PlanetScale (see `kit.planetscale`). `migrations/env.py` calls `run`.
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
from kit.db import database, limits, tables
from kit.db import types as columns
from kit.db.sqlite import strict
from kit.errors import UsageError

__all__ = ["run"]


def config(engine: Engine | None = None) -> Config:
    """Return Alembic's configuration for the scripts in `migrations/` and the app's database, or that of `engine`."""
    options = Config(stdout=io.StringIO())
    options.set_main_option("script_location", str(settings.PROJECT / "migrations"))
    options.set_main_option("revision_environment", "true")
    options.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    options.attributes["engine"] = engine
    return options


def upgrade(engine: Engine | None = None) -> None:
    """Apply the migrations that the database doesn't have yet.

    engine: a PlanetScale development branch, instead of the app's database.

    Raises `UsageError` for a PlanetScale database, whose schema is changed only by deploy requests.
    """
    if engine is None and database.is_planetscale(settings.current().database_url):
        raise UsageError(
            "The schema of a PlanetScale database is changed by a deploy request, never directly: make migrate"
        )
    command.upgrade(config(engine), "head")


def upgrade_branch(engine: Engine) -> None:
    """Apply them to a PlanetScale branch, which has copies of production's rows in alembic_version."""
    forget_ancestors(engine)
    upgrade(engine)


def newest() -> str:
    """Return the newest migration; raises `UsageError` if there are several."""
    heads = ScriptDirectory.from_config(config()).get_heads()
    if len(heads) != 1:
        raise UsageError(
            f"There are {len(heads)} newest migrations ({', '.join(heads)}). Set the down_revision of one to the other."
        )
    return heads[0]


def pending(engine: Engine) -> list[str]:
    """Return the migrations that this database doesn't have yet, in order."""
    with engine.connect() as connection:
        applied = set(MigrationContext.configure(connection).get_current_heads())
    scripts = ScriptDirectory.from_config(config())
    return [script.revision for script in reversed(list(scripts.iterate_revisions("heads", tuple(applied) or "base")))]


def forget_ancestors(engine: Engine) -> None:
    """Delete the rows of alembic_version whose migration is an ancestor of another row's.

    Alembic updates its single row. PlanetScale copies rows, and so may leave the previous one beside it.
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
    """Run the migrations that Alembic selected, with the app's engine."""
    engine = context.config.attributes.get("engine") or database.engine()
    with engine.connect() as connection:
        run_over(connection.execution_options(**{limits.UNWATCHED: True}))


def run_over(connection: Connection) -> None:
    """Run them on this connection."""
    metadata: list[MetaData] = [references.load(references.METADATA), tables.metadata]  # the app's, and the kit's own
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,  # SQLite changes a column by copying the table; on MySQL this is an ordinary ALTER
        render_item=_render,
    )
    with strict.suspended(connection, *metadata), context.begin_transaction():
        context.run_migrations()


def write(message: str) -> Path | None:
    """Write a migration for the difference between the migrations and the models; `None` if there is none."""

    def only_changes(_context: Any, _revision: Any, directives: list[Any]) -> None:
        if directives[0].upgrade_ops.is_empty():
            directives[:] = []

    written = _revision(message, only_changes, autogenerate=True)
    return written[0] if written else None


def rename(table: str, old: str, new: str) -> list[Path]:
    """Write the two migrations that rename a column: one adds the new column, one drops the old one.

    Raises `UsageError` if the models have neither.
    """
    metadata: MetaData = references.load(references.METADATA)
    known: Any = metadata.tables[table].columns if table in metadata.tables else {}
    if (column := known.get(old)) is None and (column := known.get(new)) is None:
        raise UsageError(f"The models have no {table}.{old}. Use the names of table and column in the database.")
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
    """Write a revision, compared with an in-memory database that has all migrations; the app's database isn't used."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    engine = create_engine("sqlite://", hide_parameters=True)
    upgrade(engine)
    alembic = config(engine)
    number = _next_number()
    docstring = message.replace("\\", r"\\").replace('"', r"\"")  # script.py.mako puts it between triple quotes
    revisions = command.revision(
        alembic, docstring, autogenerate=autogenerate, rev_id=number, process_revision_directives=fill
    )
    engine.dispose()
    files = [Path(script.path) for script in (revisions if isinstance(revisions, Iterable) else [revisions]) if script]
    for tidy in (["check", "--fix"], ["format"]):  # as `make check` expects them
        if files:
            subprocess.run([sys.executable, "-m", "ruff", *tidy, "--quiet", *map(str, files)], check=False)  # noqa: S603
    return files


def _next_number() -> str:
    """The next number; migrations are numbered, so that files are listed in order."""
    numbers = [
        int(file.name[:4]) for file in (settings.PROJECT / "migrations" / "versions").glob("[0-9]" * 4 + "_*.py")
    ]
    return f"{max(numbers, default=0) + 1:04}"


def _render(kind: str, item: Any, autogenerated: Any) -> Any:
    """Write the kit's types by their short name; Alembic writes others in full, so their module is imported."""
    if kind != "type":
        return False
    name, module = type(item).__name__, type(item).__module__
    if module == columns.__name__:
        autogenerated.imports.add(f"from {module} import {name}")
        return repr(item)
    if not module.startswith("sqlalchemy."):
        autogenerated.imports.add(f"import {module}")
    return False
