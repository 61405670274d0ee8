"""`python -m kit migrate`: bring the database to the newest schema."""

import argparse
from typing import Any


def register(commands: Any) -> None:
    """Add the command."""
    commands.add_parser("migrate", help="bring the database to the newest schema").set_defaults(run=run)


def run(_: argparse.Namespace) -> None:
    """Apply what the database does not have yet."""
    from kit import migrations

    migrations.upgrade()
