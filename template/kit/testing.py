"""What your tests lean on: a database of their own, and settings that are read anew."""

import os

from sqlalchemy import MetaData

from kit import database, migrations, settings, wiring


def use_database(url: str) -> None:
    """Point this process at another database, from now on, and bring it to the newest schema."""
    os.environ["DATABASE_URL"] = url
    settings.current.cache_clear()
    database.engine.cache_clear()
    migrations.upgrade()


def empty_tables() -> None:
    """Delete every row of the app's tables."""
    metadata: MetaData = wiring.load(wiring.METADATA)
    with database.engine().begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
