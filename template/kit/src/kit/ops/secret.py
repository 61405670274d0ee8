"""`make secret`: store a secret for a stage in SSM, without leaving it in the shell's history. `make secrets` lists them.

database-url        what PlanetScale shows: mysql://user:password@host/database
planetscale-token   a service token for migrations, as ID:TOKEN
NAME=…              a secret that app/settings.py declares
"""

import argparse
import difflib
import getpass
import sys
from pathlib import Path
from typing import Any

from kit import settings
from kit.base_settings import Setting
from kit.errors import UsageError
from kit.ops import aws_account, renewal, retry
from kit.ops.aws_account import Account
from kit.ops.stage import Stage, add_command
from kit.ops.stage_secrets import StageSecrets, declared

PROMPTS = {"database-url": "Database URL: ", "planetscale-token": "Service token, as ID:TOKEN: "}


def register(commands: Any) -> None:
    """Add both commands and their options."""
    parser = add_command(commands, "secret", "Store a secret for a stage; it is read from standard input.", run)
    parser.add_argument("kind", choices=PROMPTS, nargs="?", default="database-url", help="default: database-url")
    parser.add_argument("--name", metavar="NAME", help="a secret that app/settings.py declares, such as STRIPE_KEY")
    parser.add_argument("--file", metavar="FILE", help="read it from a file")
    parser.add_argument("--rotate", action="store_true", help="generate a new key, beside the current one")
    parser.add_argument("--delete", action="store_true", help="delete the one with this NAME")
    add_command(commands, "secrets", "List a stage's secrets: stored, missing, and no longer declared.", list_secrets)


def run(arguments: argparse.Namespace) -> None:
    """Prompt for the secret, or read it from standard input or a file, and store it encrypted."""
    stage = Stage.of(arguments.stage)
    if arguments.name:
        return _of_app(arguments, stage)
    if arguments.delete:
        raise UsageError(f"Say which secret to delete: make secret NAME=… DELETE=1 STAGE={stage.name}")
    kind = arguments.kind
    account = aws_account.account()
    value = _value(arguments.file, PROMPTS[kind])
    check(kind, value)
    _ssm(account).put_parameter(Name=parameter(stage, kind), Value=value, Type="SecureString", Overwrite=True)
    print(f"Stored as {parameter(stage, kind)} in {account.region} of account {account.number}.", file=sys.stderr)
    if kind == "database-url":  # each migration reads the token
        print(renewal.renew(account, stage), file=sys.stderr)


def _of_app(arguments: argparse.Namespace, stage: Stage) -> None:
    name = arguments.name
    if arguments.delete:
        account = aws_account.account()
        StageSecrets(_ssm(account), stage).delete(name)
        print(f"{name} of {stage.name} is deleted. {renewal.renew(account, stage)}", file=sys.stderr)
        return
    secret = declared().get(name)
    if secret is None:
        raise UsageError(_undeclared(name))
    if arguments.rotate and not secret.generate:
        raise UsageError(f"{name} is not generated, so it can't be rotated. Store the new one without ROTATE=1.")
    account = aws_account.account()
    if arguments.rotate:
        StageSecrets(_ssm(account), stage).rotate(name)
        print(f"{name} of {stage.name} has a new key. {renewal.renew(account, stage)}", file=sys.stderr)
        return
    value = _value(arguments.file, f"{name} ({secret.help}): ")
    _check_value(name, secret, value)
    StageSecrets(_ssm(account), stage).store(name, value)
    print(f"Stored {name} for {stage.name} in {account.region} of account {account.number}.", file=sys.stderr)
    print(renewal.renew(account, stage), file=sys.stderr)


def _undeclared(name: str) -> str:
    if name == "DATABASE_URL":
        return "The database's URL is stored by: make secret"
    names = ", ".join(declared()) or "none"
    close = difflib.get_close_matches(name.upper(), declared(), 1)
    if close:
        return f"app/settings.py declares no secret {name}. Did you mean {close[0]}? Nothing was stored."
    return (
        f"app/settings.py declares no secret {name}. Declared: {names}. Nothing was stored.\n"
        f'Declare it with a line like: {name.lower()}: str = secret("what it is for")'
    )


def _check_value(name: str, secret: Setting, value: str) -> None:
    if not value:
        raise UsageError(f"{name} is empty. Nothing was stored.")
    try:
        secret.value(value)
    except ValueError as error:
        raise UsageError(f"Invalid {name}: {error}. Nothing was stored.") from None


def _value(file: str | None, prompt: str) -> str:
    if not file:
        return (getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.read()).strip()
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"Can't read FILE={file}: {error}. Nothing was stored.") from None


def list_secrets(arguments: argparse.Namespace) -> None:
    """Print each secret's name and state; the values are not read."""
    stage = Stage.of(arguments.stage)
    stored = StageSecrets(_ssm(aws_account.account()), stage).names()
    names = {**declared(), **dict.fromkeys(stored.keys() - declared().keys())}
    if not names:
        print("app/settings.py declares no secrets.", file=sys.stderr)
    width = max(map(len, names), default=0)
    for name, secret in sorted(names.items()):
        if secret is None:
            state = f"no longer declared; delete it: make secret NAME={name} DELETE=1 STAGE={stage.name}"
        elif name in stored:
            state = f"stored on {stored[name]}"
        else:
            state = _state_of_missing(name, secret, stage)
        print(f"{name:{width}}  {state}")


def _state_of_missing(name: str, secret: Setting, stage: Stage) -> str:
    if secret.generate:
        return "generated by the next deployment"
    return f"missing; store it: make secret NAME={name} STAGE={stage.name}" if secret.required else "not stored"


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


def _ssm(account: Account) -> Any:
    return account.session.client("ssm", config=retry.RETRY)


def exists(account: Account, name: str) -> bool:
    """Whether there is an SSM parameter of this name; its value is not decrypted."""
    ssm = _ssm(account)
    try:
        ssm.get_parameter(Name=name)
    except ssm.exceptions.ParameterNotFound:
        return False
    return True
