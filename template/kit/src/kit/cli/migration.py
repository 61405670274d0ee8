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
    """Write the file, and print its name; raises `UsageError` for what PlanetScale would refuse."""
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
    print(name)
    if problems := [problem for problem in schema.check(settings.PROJECT / "migrations") if problem.startswith(name)]:
        raise UsageError(
            "\n\n".join(problems) + f"\n\nThe file was written. Change it, or delete it and start again: {name}"
        )
