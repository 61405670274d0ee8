"""`make policy`: an IAM policy of infra/policies, filled in for this account, region, project and stage."""

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
    """Add the command."""
    parser = commands.add_parser("policy", help="an IAM policy, filled in: " + ", ".join(files()))
    parser.add_argument("name", nargs="?", default="", help="which one")
    parser.add_argument("--stage", default="prod", help="a stage, or several: preview*")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print it, as `aws iam create-policy --policy-document` takes it."""
    account = aws_account.account()
    partition = account.session.get_partition_for_region(account.region)
    print(filled(arguments.name, partition, account.region, account.number, arguments.stage))


def filled(name: str, partition: str, region: str, account: str, stage: str) -> str:
    """The policy's text; raises `UsageError` for a name or a stage that there cannot be."""
    if name not in files():
        raise UsageError(
            f"There is no policy {name!r}. Take one of: {', '.join(files())}. Such as: make policy FOR=look"
        )
    if not NAME.fullmatch(re.sub(r"\*$", "0", stage)):
        raise UsageError(f"A stage cannot be called {stage!r}. Take one as STAGE=prod, or several as STAGE='preview*'.")
    if stage != "prod" and fnmatchcase("prod", stage):
        raise UsageError(f"{stage!r} takes in prod as well, which is to be named: STAGE=prod, or STAGE='preview*'.")
    project = project_name()
    words = {"Partition": partition, "Region": region, "Account": account, "Project": project, "Stage": stage}
    text = Template(files()[name].read_text(encoding="utf-8")).substitute(words, Name=f"{project}-{stage}")
    return json.dumps(json.loads(text), indent=2)


def files() -> dict[str, Path]:
    """The policies by name; `tool` is what the tool itself needs that describes the infrastructure."""
    found = {path.stem: path for path in sorted((PROJECT / "infra" / "policies").glob("*.json"))}
    for path in (PROJECT / "infra").glob("*/policy.json"):
        found["tool"] = path
    return found
