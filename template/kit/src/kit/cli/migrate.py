"""`python -m kit migrate`: migrate the database to the newest schema, on PlanetScale with a deploy request."""

import argparse
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from kit.errors import UsageError


def register(commands: Any) -> None:
    """Add the command and its options."""
    migrate = commands.add_parser("migrate", help="migrate the database to the newest schema")
    migrate.add_argument("--dry-run", action="store_true", help="print the steps without doing them")
    migrate.add_argument(
        "--planetscale", action="store_true", help="use the database of .pscale.yml, whatever DATABASE_URL is"
    )
    migrate.add_argument(
        "--skip-revert", action="store_true", help="make deploys final immediately instead of after 30 minutes"
    )
    migrate.add_argument(
        "--direct", action="store_true", help="apply without a deploy request: for a branch without safe migrations"
    )
    migrate.add_argument(
        "--into",
        metavar="BRANCH",
        help="the PlanetScale branch to deploy into, by default the database's default branch",
    )
    migrate.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Apply the migrations that the database doesn't have yet."""
    from kit import settings
    from kit.db import database, migrations

    if arguments.direct and arguments.planetscale:
        raise UsageError("--planetscale uses a deploy request and --direct doesn't. Choose one of them.")
    if arguments.direct and arguments.into:
        raise UsageError("--into is the branch of a deploy request and --direct uses none. Choose one of them.")
    url = settings.current().database_url if not arguments.planetscale else ""
    if arguments.planetscale or (database.is_planetscale(url) and not arguments.direct):
        return planetscale(arguments)
    if arguments.dry_run:
        revisions = migrations.pending(database.engine())
        for revision in revisions:
            print(f"Apply {revision} to {database.address()}.", file=sys.stderr)
    else:
        revisions = directly(on_branch=arguments.direct)
    if not revisions:
        print(f"{database.address()} is up to date: {migrations.newest()} is applied.", file=sys.stderr)
    report_drift(database.engine())


def directly(*, on_branch: bool = False) -> list[str]:
    """Migrate the app's database without a deploy request, and print a line for each migration; returns them.

    on_branch: whether it is a PlanetScale branch, which takes schema changes without safe migrations.
    """
    from kit.db import database, migrations
    from kit.db.apply.failure import MigrationFailed

    applied = []

    def report(script: Any) -> None:
        applied.append(script.revision)
        print(f"Applied {Path(script.path).name} to {database.address()}.", file=sys.stderr)

    try:
        if on_branch:
            migrations.upgrade_branch(database.engine(), on_applied=report, resumable=True)
        else:
            migrations.upgrade(on_applied=report)
    except MigrationFailed:
        report_drift(database.engine())  # it may be the reason
        raise
    return applied


def report_drift(engine: Any) -> None:
    """Print how the tables differ from those that the migrations create; nothing, if that can't be found out."""
    from sqlalchemy.exc import DBAPIError

    from kit.db import errors
    from kit.db.apply import drift

    lines = []
    with suppress(DBAPIError):
        lines = drift.lines(engine)
    if lines:
        print(
            f"\nThe tables of {errors.address(engine)} are not those that its migrations create; they were left as they are:\n"
            + "".join(f"  {line}\n" for line in lines)
            + "Write a migration for the changes that should stay, and undo the others by hand.",
            file=sys.stderr,
        )


def planetscale(arguments: argparse.Namespace) -> None:
    """Migrate with a branch and a deploy request; raises `UsageError` with the reason if PlanetScale refuses."""
    from kit import settings
    from kit.cli import schema
    from kit.db import connection, migrations
    from kit.planetscale import project, transport
    from kit.planetscale.client import ApiError, Client
    from kit.planetscale.run import Run
    from kit.planetscale.schema_change import SchemaChange

    # The image doesn't have the linter; `make check` has already run it elsewhere.
    if schema.can_check() and (findings := schema.check(settings.PROJECT / "migrations")):
        raise UsageError("\n\n".join(findings) + "\n\nNothing was changed.")
    database_project = project.read(settings.PROJECT)

    def migrate(url: str) -> None:
        engine = connection.connect(url)
        try:
            migrations.upgrade_branch(engine)
            report_drift(engine)
        finally:
            engine.dispose()

    run = Run(
        project=database_project,
        client=Client(database_project, _refuse_requests if arguments.dry_run else transport.choose()),
        newest=migrations.newest(),
        say=lambda line: print(line, file=sys.stderr),
        into=arguments.into,
        skip_revert=arguments.skip_revert,
    )
    change = SchemaChange(run, migrate)
    try:
        change.dry_run() if arguments.dry_run else change.apply()
    except ApiError as error:
        raise UsageError(f"{error}\nNothing is lost. Continue with: {run.resume_command}") from error


def _refuse_requests(method: str, path: str, body: dict[str, Any] | None) -> Any:
    raise RuntimeError(f"a dry run sends no request: {method} {path} {body}")
