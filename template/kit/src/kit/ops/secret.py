"""`make secret`: store a secret for a stage in SSM, without leaving it in the shell's history.

database-url        what PlanetScale shows: mysql://user:password@host/database
planetscale-token   a service token for migrations, as ID:TOKEN
"""

import argparse
import getpass
import sys
from typing import Any

from kit import settings
from kit.errors import UsageError
from kit.ops import aws_account, retry
from kit.ops.aws_account import Account
from kit.ops.stage import Stage, add_command

PROMPTS = {"database-url": "Database URL: ", "planetscale-token": "Service token, as ID:TOKEN: "}


def register(commands: Any) -> None:
    """Add the command and its options."""
    parser = add_command(commands, "secret", "Store a secret for a stage; it is read from standard input.", run)
    parser.add_argument("kind", choices=PROMPTS, nargs="?", default="database-url", help="default: database-url")


def run(arguments: argparse.Namespace) -> None:
    """Prompt for the secret, or read it from standard input, and store it as an encrypted SSM parameter."""
    stage, kind = Stage.of(arguments.stage), arguments.kind
    account = aws_account.account()
    value = (getpass.getpass(PROMPTS[kind]) if sys.stdin.isatty() else sys.stdin.read()).strip()
    check(kind, value)
    ssm = account.session.client("ssm", config=retry.RETRY)
    ssm.put_parameter(Name=parameter(stage, kind), Value=value, Type="SecureString", Overwrite=True)
    print(f"Stored as {parameter(stage, kind)} in {account.region} of account {account.number}.", file=sys.stderr)


def parameter(stage: Stage, kind: str) -> str:
    """The name of the SSM parameter."""
    return f"/{stage.project}/{stage.name}/{kind}"


def check(kind: str, value: str) -> None:
    """Raise `UsageError` for an invalid secret, without repeating it."""
    if kind == "planetscale-token":
        if not all(value.partition(":")):
            raise UsageError(
                "Invalid service token; expected its two parts with a colon: ID:TOKEN. Nothing was stored."
            )
        return
    try:
        settings.database_url(value)
    except ValueError as error:
        raise UsageError(f"Invalid database URL: {error}. Nothing was stored.") from None


def require(account: Account, stage: Stage, name: str) -> None:
    """Raise `UsageError` when the secret of the stage's database does not exist; its value is not read."""
    if name.startswith("arn:") and ":secretsmanager:" in name:
        manager = account.session.client("secretsmanager", config=retry.RETRY)
        try:
            manager.describe_secret(SecretId=name)
        except manager.exceptions.ResourceNotFoundException:
            raise UsageError(f"The setting for the database URL names {name}, which does not exist.") from None
        return
    if not exists(account, name):
        own = name == parameter(stage, "database-url")
        how = f"Store it with: make secret STAGE={stage.name}" if own else "Store it as a SecureString."
        raise UsageError(f"{stage.resource_prefix} reads its database URL from {name}, which does not exist. {how}")


def exists(account: Account, name: str) -> bool:
    """Whether there is an SSM parameter of this name; its value is not decrypted."""
    ssm = account.session.client("ssm", config=retry.RETRY)
    try:
        ssm.get_parameter(Name=name)
    except ssm.exceptions.ParameterNotFound:
        return False
    return True
