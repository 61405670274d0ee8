"""Helpers for your tests: a database of their own, and running jobs in the test's process."""

import os

import pytest
from sqlalchemy import MetaData

from kit import references, settings
from kit.coldstart.start import loaded as loaded_by_a_start
from kit.db import database, migrations, tables
from kit.testing.jobs import FrozenClock, JobFailed, assert_enqueued, enqueued, frozen_clock, run_jobs

__all__ = [
    "FrozenClock",
    "JobFailed",
    "assert_enqueued",
    "empty_tables",
    "enqueued",
    "frozen_clock",
    "loaded_by_a_start",
    "run_jobs",
    "use_database",
]


IN_TESTS = 'Where there is no .env, as in CI, set it in tests/conftest.py: os.environ.setdefault("NAME", "…")'


def use_database(url: str) -> None:
    """Use another database from now on, and migrate it to the newest schema; the tests end here if settings are missing."""
    os.environ["DATABASE_URL"] = url
    settings.current.cache_clear()
    try:
        settings.check()
    except settings.SettingsError as error:
        pytest.exit(f"{error}\n\n{IN_TESTS}", returncode=2)
    database.engine.cache_clear()
    migrations.upgrade()


def empty_tables() -> None:
    """Delete all rows of the app's and the kit's tables."""
    metadata: MetaData = references.load(references.METADATA)
    with database.engine().begin() as connection:
        for table in [*reversed(metadata.sorted_tables), *tables.metadata.sorted_tables]:
            connection.execute(table.delete())
