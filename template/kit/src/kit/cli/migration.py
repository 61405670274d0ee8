"""`python -m kit migration MESSAGE`: write a migration for the changes in the models, and check it."""

import argparse
import sys
from typing import Any

from kit.errors import UsageError


def register(commands: Any) -> None:
    """Add the command."""
    migration = commands.add_parser("migration", help="write a migration for the changes in the models")
    migration.add_argument("message", help="what it does, in a few words; its file is named after it")
    migration.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Write the file, and print its name; raises `UsageError` for what must not be deployed.

    What MySQL or PlanetScale refuses leaves no file behind.
    """
    from kit import settings
    from kit.cli import schema

    if not schema.can_check():
        raise UsageError("A migration needs sqlglot, which is not installed here: write it on a laptop.")
    from kit.db.schema import new_migration

    if not arguments.message.strip():
        raise UsageError('Describe the migration: make migration m="add a title to messages"')
    file = new_migration.write(arguments.message.strip(), note=lambda note: print(f"{note}\n", file=sys.stderr))
    if file is None:
        print("The models have not changed, so there is nothing to migrate.", file=sys.stderr)
        return
    name = file.relative_to(settings.PROJECT).as_posix()
    found = [finding for finding in schema.findings(settings.PROJECT / "migrations") if finding.file == file]
    problems = "\n\n".join(schema.paragraph(finding) for finding in found)
    if any(not finding.can_be_overruled for finding in found):
        new_migration.remove(file)
        raise UsageError(f"{problems}\n\nNo file was written. Change the models, and try again.")
    print(name)
    if found:
        raise UsageError(
            f"{problems}\n\nThe file was written. Delete it and go another way, or say in it why this is safe, in a "
            f'comment at the statement such as "# live: no version writes NULL any more": {name}'
        )
