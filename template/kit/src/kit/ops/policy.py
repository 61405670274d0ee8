"""`make policy`: print an IAM policy of kit/policies or infra/policies for this account, region, project and stage.

`${Api}` in a resource stands for each API of the account that is none of the stage's: of its resources, routes and
integrations have neither a name nor tags by which a policy could tell them apart.
"""

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from string import Template
from typing import Any

from kit.errors import UsageError
from kit.ops import aws_account, boundary, retry, tool_state
from kit.ops.stage import NAME, PROJECT, project_name

MAX_CHARACTERS = 6144
"""Of a managed policy, without whitespace. Source: IAM User Guide, "IAM and AWS STS quotas"."""


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
    apis = other_apis(account, arguments.stage) if "${Api}" in _text(arguments.name) else []
    print(filled(arguments.name, partition, account.region, account.number, arguments.stage, apis))


def other_apis(account: aws_account.Account, stage: str) -> list[str]:
    """The ids of all HTTP and WebSocket APIs in the account's region but those of a stage, or of a pattern's stages."""
    gateway = account.session.client("apigatewayv2", config=retry.RETRY)
    pages = gateway.get_paginator("get_apis").paginate()
    own = f"{project_name()}-{stage}"
    return [api["ApiId"] for page in pages for api in page["Items"] if not fnmatchcase(api["Name"], own)]


def require(name: str, stage: str) -> None:
    """Raise `UsageError` for an unknown policy or an invalid stage."""
    if name not in files():
        raise UsageError(f"Unknown policy {name!r}; use one of {', '.join(files())}, such as: make policy FOR=look")
    if not NAME.fullmatch(re.sub(r"\*$", "0", stage)):
        raise UsageError(f"Invalid stage name {stage!r}; use one such as STAGE=prod, or a pattern: STAGE='preview*'")
    if stage != "prod" and fnmatchcase("prod", stage):
        raise UsageError(f"The pattern {stage!r} also matches prod; use STAGE=prod, or STAGE='preview*'.")


def filled(name: str, partition: str, region: str, account: str, stage: str, other_apis: Sequence[str] = ()) -> str:
    """The policy's text; raises `UsageError` for an unknown policy, an invalid stage, or one that AWS would refuse."""
    require(name, stage)
    text = _text(name)
    values = {"Partition": partition, "Region": region, "Account": account, "Project": project_name(), "Stage": stage}
    if "${State" in text:
        values |= tool_state.read().variables
    document = fill(text, values, other_apis)
    if (size := len(json.dumps(document, separators=(",", ":")))) > MAX_CHARACTERS:
        raise UsageError(
            f"The policy {name} would have {size:,} characters; AWS allows {MAX_CHARACTERS:,}. Deploy this stage in an "
            "account with fewer APIs."
        )
    return json.dumps(document, indent=2)


def fill(text: str, values: Mapping[str, str], other_apis: Sequence[str] = ()) -> dict[str, Any]:
    """A policy with its values; a statement about each of the other APIs is left out if there is none."""
    project, stage = values["Project"], values["Stage"]
    names = {"Name": f"{project}-{stage}", "Boundary": boundary.name(project, stage)}
    document: dict[str, Any] = json.loads(Template(text.replace("${Api}", "$${Api}")).substitute({**values, **names}))
    for statement in document["Statement"]:
        if "${Api}" in statement["Resource"]:
            statement["Resource"] = [statement["Resource"].replace("${Api}", api) for api in other_apis]
    document["Statement"] = [statement for statement in document["Statement"] if statement["Resource"]]
    return document


def _text(name: str) -> str:
    return files()[name].read_text(encoding="utf-8")


def files() -> dict[str, Path]:
    """The policies by name, the user's before the kit's; `tool` is what the infrastructure tool itself needs."""
    folders = (PROJECT / "kit" / "policies", PROJECT / "infra" / "policies")
    paths = {path.stem: path for folder in folders for path in sorted(folder.glob("*.json"))}
    for path in (PROJECT / "infra").glob("*/policy.json"):
        paths["tool"] = path
    return paths
