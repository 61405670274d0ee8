"""`make policy`: print an IAM policy of infra/policies for this account, region, project and stage."""

import argparse
import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from string import Template
from typing import Any

from kit.errors import UsageError
from kit.ops import aws_account
from kit.ops.stage import NAME, PROJECT, project_name


def register(commands: Any) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("policy", description="Print an IAM policy, filled in for this account.")
    parser.add_argument("name", nargs="?", default="", help=f"one of: {', '.join(files())}")
    parser.add_argument("--stage", default="prod", help="a stage, or a pattern: preview*")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print it, ready for `aws iam create-policy --policy-document`."""
    require(arguments.name, arguments.stage)  # before a login is asked for
    account = aws_account.account()
    partition = account.session.get_partition_for_region(account.region)
    print(filled(arguments.name, partition, account.region, account.number, arguments.stage))


def require(name: str, stage: str) -> None:
    """Raise `UsageError` for an unknown policy or an invalid stage."""
    if name not in files():
        raise UsageError(f"Unknown policy {name!r}; use one of {', '.join(files())}, such as: make policy FOR=look")
    if not NAME.fullmatch(re.sub(r"\*$", "0", stage)):
        raise UsageError(f"Invalid stage name {stage!r}; use one such as STAGE=prod, or a pattern: STAGE='preview*'")
    if stage != "prod" and fnmatchcase("prod", stage):
        raise UsageError(f"The pattern {stage!r} also matches prod; use STAGE=prod, or STAGE='preview*'.")


def filled(name: str, partition: str, region: str, account: str, stage: str) -> str:
    """The policy's text; raises `UsageError` for an unknown policy or an invalid stage."""
    require(name, stage)
    project = project_name()
    values = {"Partition": partition, "Region": region, "Account": account, "Project": project, "Stage": stage}
    text = Template(files()[name].read_text(encoding="utf-8")).substitute(values, Name=f"{project}-{stage}")
    return json.dumps(json.loads(text), indent=2)


def files() -> dict[str, Path]:
    """The policies by name; `tool` is what the infrastructure tool itself needs."""
    paths = {path.stem: path for path in sorted((PROJECT / "infra" / "policies").glob("*.json"))}
    for path in (PROJECT / "infra").glob("*/policy.json"):
        paths["tool"] = path
    return paths
