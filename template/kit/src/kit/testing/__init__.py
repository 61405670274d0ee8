"""Helpers for your tests: a database of their own, and running jobs in the test's process."""

import os
import sys

from sqlalchemy import MetaData, inspect
from sqlalchemy.engine.reflection import ObjectKind

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

    Ends a run of pytest with one message if that is not possible, if settings are missing, or if the models have what no
    migration creates, and not with one for each test.
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
            _check_models()
    except UsageError as error:
        hint = IN_TESTS if isinstance(error, settings.SettingsError) else ""
        if "pytest" in sys.modules:
            sys.modules["pytest"].exit(f"{error}{hint}", returncode=2)
        raise


IN_TESTS = '\n\nWhere there is no .env, as in CI, set it in tests/conftest.py: os.environ.setdefault("NAME", "…")'


def _check_models() -> None:
    """Raise `UsageError` for tables and columns of the models that the database doesn't have."""
    found = inspect(database.engine()).get_multi_columns(kind=ObjectKind.ANY)
    columns = {table: {column["name"] for column in described} for (_, table), described in found.items()}
    models: MetaData = references.load(references.METADATA)
    missing = []
    for table in models.sorted_tables:
        if table.name not in columns:
            missing.append(table.name)
        else:
            missing += [
                f"{table.name}.{column.name}" for column in table.columns if column.name not in columns[table.name]
            ]
    if missing:
        raise UsageError(
            f"The models have {', '.join(sorted(missing))}, which no migration creates. "
            'Write the migration, or correct the models: make migration m="…"'
        )


def empty_tables() -> None:
    """Delete all rows of the app's and the kit's tables."""
    metadata: MetaData = references.load(references.METADATA)
    with database.engine().begin() as connection:
        for table in [*reversed(metadata.sorted_tables), *tables.metadata.sorted_tables]:
            connection.execute(table.delete())
