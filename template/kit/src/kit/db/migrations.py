"""Apply the migrations with Alembic; `kit.db.schema.new_migration` writes them.

`upgrade` is for every database but PlanetScale (see `kit.planetscale`). `migrations/env.py` calls `run`.
"""

import io

from alembic import command, context
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, delete

from kit import references, settings
from kit.db import database, limits, tables
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
    context.configure(
        connection=connection,
        target_metadata=[references.load(references.METADATA), tables.metadata],  # the app's, and the kit's own
        render_as_batch=True,  # SQLite changes a column by copying the table; on MySQL this is an ordinary ALTER
        render_item=context.config.attributes.get("render_item"),  # for a migration that is written
    )
    with context.begin_transaction():
        context.run_migrations()
