"""Helpers for your tests: a database of their own, and running jobs in the test's process."""

import os
import sys

from sqlalchemy import MetaData

from kit import logs, references, settings
from kit.coldstart.start import loaded as loaded_by_a_start
from kit.db import database, errors, migrations, tables
from kit.errors import UsageError
from kit.testing.jobs import FrozenClock, JobFailed, assert_enqueued, enqueued, frozen_clock, run_jobs, send_event

__all__ = [
    "FrozenClock",
    "JobFailed",
    "assert_enqueued",
    "empty_tables",
    "enqueued",
    "frozen_clock",
    "loaded_by_a_start",
    "run_jobs",
    "send_event",
    "use_database",
]


def use_database(url: str) -> None:
    """Use another database from now on, and migrate it to the newest schema.

    Ends a run of pytest with one message if that is not possible or settings are missing, and not with one for each
    test.
    """
    if "pytest" in sys.modules:
        logs.leave_handlers()
    os.environ["DATABASE_URL"] = url
    settings.current.cache_clear()
    database.engine.cache_clear()
    try:
        settings.check()
        with errors.explained():
            migrations.upgrade()
    except UsageError as error:
        hint = IN_TESTS if isinstance(error, settings.SettingsError) else ""
        if "pytest" in sys.modules:
            sys.modules["pytest"].exit(f"{error}{hint}", returncode=2)
        raise


IN_TESTS = '\n\nWhere there is no .env, as in CI, set it in tests/conftest.py: os.environ.setdefault("NAME", "…")'


def empty_tables() -> None:
    """Delete all rows of the app's and the kit's tables."""
    metadata: MetaData = references.load(references.METADATA)
    with database.engine().begin() as connection:
        for table in [*reversed(metadata.sorted_tables), *tables.metadata.sorted_tables]:
            connection.execute(table.delete())
