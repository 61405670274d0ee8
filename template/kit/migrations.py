"""Migrations: bringing the database to the newest schema with Alembic.

`upgrade` is for every database; `run` is what `migrations/env.py` calls.
"""

from alembic import command, context
from alembic.config import Config

from kit import database, settings, wiring


def config() -> Config:
    """Alembic's configuration: the scripts in `migrations/`."""
    made = Config()
    made.set_main_option("script_location", str(settings.PROJECT / "migrations"))
    return made


def upgrade() -> None:
    """Apply every migration that the database does not have yet."""
    command.upgrade(config(), "head")


def run() -> None:
    """Run the migrations that Alembic has chosen, over the app's own connection."""
    with database.engine().connect() as connection:
        context.configure(connection=connection, target_metadata=wiring.load(wiring.METADATA))
        with context.begin_transaction():
            context.run_migrations()
