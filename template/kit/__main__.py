"""The command line: `python -m kit COMMAND`. Most people call it through `make`."""

import argparse
import sys

from kit.commands import cold, console, dev, jobs, migrate, migration, schema
from kit.errors import UsageError

COMMANDS = [cold, console, dev, jobs, migrate, migration, schema]


def main() -> int:
    """Run one command; 2 when the person has something to mend first."""
    parser = argparse.ArgumentParser(prog="python -m kit", description="What this project can do.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.register(commands)
    arguments = parser.parse_args()
    try:
        run(arguments)
    except UsageError as error:
        print(f"\n{error}\n", file=sys.stderr)
        return 2
    return 0


def run(arguments: argparse.Namespace) -> None:
    """Do what the person asked, with logs; a database that cannot be used is told in a sentence."""
    from kit import database, logs

    logs.configure()
    with database.unreachable_explained():
        arguments.run(arguments)


if __name__ == "__main__":
    sys.exit(main())
