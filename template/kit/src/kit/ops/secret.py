"""`make secret`: put a stage's secret where the app reads it, without leaving it in a shell's history.

database-url        what PlanetScale shows: mysql://user:password@host/database
planetscale-token   a service token, as ID:TOKEN, by which migrations ask PlanetScale
"""

import argparse
import getpass
import sys
from typing import Any

from kit import settings
from kit.errors import UsageError
from kit.ops import aws_account, retry
from kit.ops.aws_account import Account
from kit.ops.stage import Stage

KINDS = {"database-url": "The database's URL: ", "planetscale-token": "The service token, as ID:TOKEN: "}


def register(commands: Any) -> None:
    """Add the command and its options."""
    secret = commands.add_parser("secret", help="put a stage's secret where the app reads it")
    Stage.option(secret)
    secret.add_argument("kind", choices=KINDS, nargs="?", default="database-url", help="which secret (database-url)")
    secret.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Ask for the text, or take it from standard input, and keep it as an SSM parameter, encrypted."""
    stage, kind = Stage.of(arguments.stage), arguments.kind
    account = aws_account.account()
    text = (getpass.getpass(KINDS[kind]) if sys.stdin.isatty() else sys.stdin.read()).strip()
    check(kind, text)
    ssm = account.session.client("ssm", config=retry.PATIENT)
    ssm.put_parameter(Name=parameter(stage, kind), Value=text, Type="SecureString", Overwrite=True)
    print(f"{parameter(stage, kind)} is kept in {account.region} of account {account.number}.", file=sys.stderr)


def parameter(stage: Stage, kind: str) -> str:
    """The name of the SSM parameter."""
    return f"/{stage.project}/{stage.name}/{kind}"


def check(kind: str, text: str) -> None:
    """Raise `UsageError` for what cannot be right; it never repeats the text."""
    if kind == "planetscale-token":
        if not all(text.partition(":")):
            raise UsageError("A service token has two parts, with a colon between: ID:TOKEN. Nothing was kept.")
        return
    try:
        settings.database_url(text)
    except ValueError as error:
        raise UsageError(f"That is no database's URL: {error}. Nothing was kept.") from None


def require(account: Account, stage: Stage, name: str) -> None:
    """Raise `UsageError` when the stage's database secret is not there; its text is not read."""
    if name.startswith("arn:") and ":secretsmanager:" in name:
        manager = account.session.client("secretsmanager", config=retry.PATIENT)
        try:
            manager.describe_secret(SecretId=name)
        except manager.exceptions.ResourceNotFoundException:
            raise UsageError(f"There is no secret {name}, which the settings name for the database's URL.") from None
        return
    if not exists(account, name):
        own = name == parameter(stage, "database-url")
        how = f"Put it there with: make secret STAGE={stage.name}" if own else "Put it there as a SecureString."
        raise UsageError(f"{stage.called} reads its database's URL from {name}, which is not there. {how}")


def exists(account: Account, name: str) -> bool:
    """Whether there is an SSM parameter of this name; its text is not read."""
    ssm = account.session.client("ssm", config=retry.PATIENT)
    try:
        ssm.get_parameter(Name=name)
    except ssm.exceptions.ParameterNotFound:
        return False
    return True
