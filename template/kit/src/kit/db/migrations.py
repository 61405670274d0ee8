"""Apply the migrations with Alembic; `kit.db.schema.new_migration` writes them.

`upgrade` is for every database but PlanetScale (see `kit.planetscale`). `migrations/env.py` calls `run`.
"""

import argparse
import io
from collections.abc import Callable
from contextlib import ExitStack

from alembic import command, context
from alembic.config import Config
from alembic.ddl.impl import DefaultImpl
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, delete
from sqlalchemy.exc import DBAPIError

from kit import references, settings
from kit.db import database, errors, limits, tables
from kit.db.apply import failure, progress
from kit.db.apply.steps import Recorder
from kit.db.sqlite import migrating, strict
from kit.db.sqlite import transactions as sqlite
from kit.errors import UsageError

__all__ = ["run"]


def config(engine: Engine | None = None) -> Config:
    """Return Alembic's configuration for the scripts in `migrations/` and the app's database, or that of `engine`."""
    options = Config(stdout=io.StringIO(), cmd_opts=argparse.Namespace(quiet=True))
    options.set_main_option("script_location", str(settings.PROJECT / "migrations"))
    options.set_main_option("revision_environment", "true")
    options.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    options.attributes["engine"] = engine
    return options


def _ignore(_: Script) -> None: ...


def upgrade(
    engine: Engine | None = None, *, on_applied: Callable[[Script], None] = _ignore, resumable: bool = True
) -> None:
    """Apply the migrations that the database doesn't have yet.

    engine: a database instead of the app's.
    on_applied: called after each migration, with Alembic's script.
    resumable: whether a run after a failure will go on with this database, and not with a new one.

    Raises `MigrationFailed` with what is done already and the next step, and `UsageError` for a PlanetScale database,
    whose schema is changed only by deploy requests.
    """
    if engine is None and database.is_planetscale(settings.current().database_url):
        raise UsageError(
            "The schema of a PlanetScale database is changed by a deploy request, never directly: make migrate"
        )
    target = engine or database.engine()
    recorder = Recorder(on_applied)
    options = config(target)
    options.attributes |= {"recorder": recorder, "resumable": resumable}
    try:
        _heads()  # raises an error if there are several
        recorder.scripts = {script.path: script for script in ScriptDirectory.from_config(options).walk_revisions()}
        command.upgrade(options, "head")
    except UsageError:
        raise
    except (Exception, KeyboardInterrupt) as error:
        if isinstance(error, DBAPIError) and not recorder.connected:
            raise
        raise failure.explain(error, recorder, target, resumable=resumable) from error


def upgrade_branch(engine: Engine, *, on_applied: Callable[[Script], None] = _ignore, resumable: bool = False) -> None:
    """Apply them to a PlanetScale branch, which has copies of production's rows in alembic_version; see `upgrade`."""
    forget_ancestors(engine)
    upgrade(engine, on_applied=on_applied, resumable=resumable)


def newest() -> str:
    """Return the newest migration; raises `UsageError` if there are several, or none."""
    if not (heads := _heads()):
        raise UsageError('There are no migrations yet. Write the first: make migration m="create the tables"')
    return heads[0]


def _heads() -> list[str]:
    """The newest migration, if there is one; raises `UsageError` if there are several."""
    heads = ScriptDirectory.from_config(config()).get_heads()
    if len(heads) > 1:
        raise UsageError(
            f"There are {len(heads)} newest migrations ({', '.join(heads)}). Set the down_revision of one to the other."
        )
    return heads


def pending(engine: Engine) -> list[str]:
    """Return the migrations that this database doesn't have yet, in order."""
    with engine.connect() as connection:
        return _pending(connection)


def _pending(connection: Connection) -> list[str]:
    applied = MigrationContext.configure(connection).get_current_heads()
    scripts = ScriptDirectory.from_config(config())
    if unknown := set(applied) - {script.revision for script in scripts.walk_revisions()}:
        raise UsageError(
            f"The database {errors.address(connection.engine)} has the migration {unknown.pop()}, and migrations/ does "
            "not. Nothing was changed. Get its file back, from git or from the branch that has it; or use a new "
            "database, if this one is only for development."
        )
    return [script.revision for script in reversed(list(scripts.iterate_revisions("heads", applied or "base")))]


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
    """Run them on this connection, each in a transaction; where that isn't possible, keep what is done of each."""
    attributes = context.config.attributes
    recorder: Recorder = attributes.get("recorder") or Recorder(_ignore)  # for commands that run no migration
    recorder.connected = True
    metadata: list[MetaData] = [references.load(references.METADATA), tables.metadata]  # the app's and the kit's own
    transactional = DefaultImpl.get_by_dialect(connection.dialect).transactional_ddl
    with ExitStack() as stack:
        if attributes.get("recorder"):
            _pending(connection)  # raises an error for a revision that is unknown
            connection.rollback()
        if connection.dialect.name == "sqlite":
            connection = connection.execution_options(**{sqlite.BEGIN: sqlite.IMMEDIATE})
            stack.enter_context(strict.suspended(connection, *metadata))
            recorder.check = stack.enter_context(migrating.foreign_keys_deferred(connection))
            transactional = True  # unlike Alembic's default: the kit begins transactions itself, not the driver
        elif not transactional and attributes.get("resumable"):
            recorder.progress = stack.enter_context(progress.recorded(connection, _pending))
        stack.enter_context(recorder.watch(connection))
        context.configure(
            connection=connection,
            target_metadata=metadata,
            render_as_batch=True,  # SQLite changes a column by copying the table; on MySQL this is an ordinary ALTER
            render_item=attributes.get("render_item"),  # for a migration that is written
            transactional_ddl=transactional,
            transaction_per_migration=True,
            on_version_apply=recorder.finish,
        )
        with context.begin_transaction():
            context.run_migrations()
