"""The command line, `python -m kit COMMAND`. The Makefile has a target for most commands."""

import argparse
import sys
from importlib import import_module
from importlib.util import find_spec

from kit.errors import UsageError

LOCAL = {name: f"kit.cli.{name}" for name in ("cold", "console", "dev", "jobs", "migrate", "migration", "schema")}
"""What needs the app and its database."""
OPS = {
    name: f"kit.ops.{name.replace('-', '_')}"
    for name in (
        "cost",
        "deploy",
        "destroy",
        "logs",
        "policy",
        "preview",
        "preview-end",
        "rollback",
        "secret",
        "status",
    )
} | {"preview-end": "kit.ops.preview"}
"""What needs AWS, and so boto3, which the image does not have."""
ALONE = {"exec": "kit.ops.exec.main", "cloudformation": "kit.ops.cloudformation", "update": "kit.update.command"}
"""What reads its own arguments: `main(arguments)` gives the exit code."""


def main() -> int:
    """Run the command that `sys.argv` names.

    Returns the exit code: 2 for an error that the user can fix, which is printed as a sentence.
    """
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name in ALONE:
        return int(import_module(ALONE[name]).main(sys.argv[2:]))
    arguments = _parser(name).parse_args()
    try:
        return int(_run_ops(arguments) if name in OPS else _run_local(arguments))
    except UsageError as error:
        print(f"\n{error}\n", file=sys.stderr)
        return 2


def _parser(name: str) -> argparse.ArgumentParser:
    """The parser of one command, as importing all of them is slow; of all, for --help and an unknown name."""
    parser = argparse.ArgumentParser(prog="python -m kit", description="What this project can do.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    known = LOCAL | (OPS if name in OPS or find_spec("boto3") else {})
    for module in [known[name]] if name in known else sorted(set(known.values())):
        import_module(module).register(commands)
    return parser


def _run_local(arguments: argparse.Namespace) -> int:
    from kit import logs
    from kit.db import database

    logs.configure()
    with database.unreachable_explained():
        return int(arguments.run(arguments) or 0)


def _run_ops(arguments: argparse.Namespace) -> int:
    from kit.ops.retry import explained

    try:
        with explained(getattr(arguments, "policy", "deploy")):
            return int(arguments.run(arguments) or 0)
    except KeyboardInterrupt:
        return 130
