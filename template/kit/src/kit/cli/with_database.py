"""`python -m kit with-database NAME -- COMMAND`: run a command with another database than the settings name."""

import argparse
import os
import sys
from typing import Any

from kit.errors import UsageError


def register(commands: Any) -> None:
    """Add the command and its arguments."""
    parser = commands.add_parser("with-database", help="run a command with a database that is started for it")
    parser.add_argument("name", help="mysql: a server in a container, which is removed afterwards; sqlite: the default")
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="the command and its arguments, after --")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Replace this process with the command, so that signals and the exit code are the command's own."""
    use(arguments.name)
    sys.stderr.flush()
    try:
        os.execvp(arguments.command[0], arguments.command)  # noqa: S606
    except FileNotFoundError:
        raise UsageError(f"Unknown command {arguments.command[0]!r}.") from None


def use(name: str) -> None:
    """Set this process's environment for a database: `mysql` or `sqlite`. A server is removed with the process.

    Raises `UsageError` for another name, and if the server doesn't start.
    """
    if name not in ("mysql", "sqlite"):
        raise UsageError(f"Unknown database {name!r}. Choose DB=mysql or DB=sqlite.")
    for variable in ("DATABASE_URL", "DATABASE_URL_SECRET", "TEST_DATABASE_URL", "DATABASE_CA"):
        os.environ.pop(variable, None)
    if name == "mysql":
        from kit.db.mysql import container

        server = container.start()
        os.environ.update(DATABASE_URL=server.url, TEST_DATABASE_URL=server.url, DATABASE_CA=server.ca)
        variables = f"DATABASE_URL={server.url} DATABASE_CA={server.ca}"
        print(f"MySQL runs in a container, and is removed with its data at the end: {variables}", file=sys.stderr)

    from kit import settings

    settings.current.cache_clear()  # the command line has read them, to configure logging
