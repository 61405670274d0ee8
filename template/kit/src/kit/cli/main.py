"""The command line, `python -m kit COMMAND`; the Makefile has a target for most commands."""

import argparse
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from kit.errors import UsageError

LOCAL = ("blank", "cold", "console", "dev", "jobs", "migrate", "migration", "schema", "settings", "with_database")
"""Modules of kit.cli, each with a command that works on the app and its database."""
OPS = {
    "deploy": "deploy the project's current state to a stage",
    "rollback": "switch a stage back to the previous version",
    "destroy": "delete a stage, but not its database",
    "secret": "store a secret for a stage",
    "secrets": "list a stage's secrets",
    "preview": "deploy a preview of a pull request",
    "preview-end": "delete a preview, or those of closed pull requests",
    "status": "show a stage's versions, queues, alarms and tasks",
    "brake": "show, open or close the brake, which refuses all requests",
    "quota": "show Lambda's quota, and ask for more",
    "logs": "show a stage's logs",
    "cost": "estimate the costs with and without traffic",
    "spike": "forecast what a stage carries when many people come",
    "policy": "print an IAM policy, filled in for this account",
    "exec": "run one-off work in the cloud; as ./exec",
    "check-github": "check the repository's settings on GitHub",
    "bucket-names": "check the names of S3 buckets; for infra/*/infra.mk",
    "stack": "repair or explain a failed stack; for infra/*/infra.mk",
}
"""Commands of kit.ops, which need AWS; the image has no boto3, so their modules are imported only when used."""
MODULES = {
    "bucket-names": "bucket_names",
    "check-github": "check_github",
    "preview-end": "preview_end",
    "secrets": "secret",
    "spike": "spike.command",
    "stack": "cloudformation",
}
"""Where a module of kit.ops has another name than its command."""


def main() -> int:
    """Run the command that `sys.argv` names.

    Returns the exit code: 2 for an error that the user can fix, which is printed without a traceback.
    """
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name == "update":  # runs beside Copier, in an environment without the kit's dependencies
        return int(import_module("kit.update.command").main(sys.argv[2:]))
    try:
        return _run_ops(name) if name in OPS else _run_local()
    except UsageError as error:
        print(f"\n{error}\n", file=sys.stderr)
        return 2


def _run_local() -> int:
    parser, commands = _parser()
    for command in LOCAL:
        import_module(f"kit.cli.{command}").register(commands)
    for command, summary in OPS.items():
        commands.add_parser(command, help=summary)
    commands.add_parser("update", help="update to the template's newest version; as make update")
    arguments = parser.parse_args()

    from kit import logs
    from kit.db import errors

    logs.configure()
    try:
        with errors.explained():
            return int(arguments.run(arguments) or 0)
    except KeyboardInterrupt as stopped:
        print(f"\n{stopped}\n" if str(stopped) else "", file=sys.stderr)
        return 130


def _run_ops(name: str) -> int:
    if not find_spec("boto3"):
        raise UsageError(f"`python -m kit {name}` needs boto3, which the image does not have. Run it on your machine.")

    from kit.ops.retry import explain_errors

    try:
        if name == "exec":
            with explain_errors("exec"):
                return int(import_module("kit.ops.exec.main").main(sys.argv[2:]))
        parser, commands = _parser()
        import_module(f"kit.ops.{MODULES.get(name, name)}").register(commands)
        arguments = parser.parse_args()
        with explain_errors(getattr(arguments, "policy", "deploy")):
            return int(arguments.run(arguments) or 0)
    except KeyboardInterrupt:
        return 130


def _parser() -> tuple[argparse.ArgumentParser, Any]:
    """The parser, and the commands to add to it."""
    parser = argparse.ArgumentParser(prog="python -m kit", description="Development and operations of this app.")
    return parser, parser.add_subparsers(required=True, metavar="COMMAND")
