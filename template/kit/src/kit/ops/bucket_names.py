"""Checks the names of S3 buckets in the user's own infrastructure files, where tools check them only while deploying.

Source: Amazon S3 User Guide, "General purpose bucket naming rules".
"""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kit.errors import UsageError
from kit.ops.stage import PROJECT, project_name

NAMES = {
    "tf": r'^ *bucket *= *"([^"]+)"',
    "yaml": r"^ *BucketName: *(?:!Sub +)?[\"']?([^!{\"'\s][^\"'\s]*)",
    "py": r"^ *bucket_name=f?[\"']([^\"']+)",
}
"""How the name of a bucket is written in the user's file, infra/*/own.*, by its suffix."""
ACCOUNT = "0" * 12
LONGEST = 63


def register(commands: Any) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("bucket-names", description="Check the names of S3 buckets.")
    parser.add_argument("--stage", default="prod", help="the stage that names are filled in for")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Check them all; raises `UsageError` for one that AWS would refuse."""
    if problems := list(check(PROJECT, project_name(), arguments.stage)):
        raise UsageError("\n".join(problems))


def check(folder: Path, project: str, stage: str) -> Iterator[str]:
    """Return a sentence for each name that AWS would refuse, with its file and line."""
    own = sorted(path for path in folder.glob("infra/*/own.*") if path.suffix[1:] in NAMES)
    for path in own:
        file = path.relative_to(folder)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if (match := re.search(NAMES[path.suffix[1:]], line)) and (
                reason := refusal(name := filled(match[1], project, stage))
            ):
                example = f"{project}-{stage}-uploads"
                yield f"{file}, line {number}: AWS refuses the bucket name {name}: {reason}. Use one such as {example}."


def filled(text: str, project: str, stage: str) -> str:
    """The name with its placeholders filled in, unknown ones with a letter."""

    def value(match: re.Match[str]) -> str:
        words = re.sub(r"\W+", " ", match[1]).lower().split()
        known = {"project": project, "stage": stage, "name": f"{project}-{stage}", "region": "us-east-1"}
        return ACCOUNT if words[-1].startswith("account") else known.get(words[-1].removeprefix("aws_"), "x")

    return re.sub(r"\$?\{([^}]+)\}", value, text)


def refusal(name: str) -> str:
    """Why AWS would refuse the name; empty if it would not."""
    if not 3 <= len(name) <= LONGEST:
        return f"it has {len(name)} characters, not 3 to {LONGEST}"
    if bad := sorted(set(re.findall(r"[^a-z0-9.-]", name))):
        return f"it may have lower-case letters, digits, hyphens and dots, not {' '.join(bad)}"
    if not re.fullmatch("[a-z0-9].*[a-z0-9]", name):
        return "it must begin and end with a letter or a digit"
    if ".." in name:
        return "it has two dots in a row"
    if re.fullmatch(r"(\d+\.){3}\d+", name):
        return "it looks like an IP address"
    if name.startswith(("xn--", "sthree-", "amzn-s3-demo-")) or name.endswith(
        ("-s3alias", "--ol-s3", ".mrap", "--x-s3")
    ):
        return "AWS has reserved how it begins or ends"
    return ""
