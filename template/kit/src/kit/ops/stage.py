"""Stages: independent copies of the app in one AWS account."""

import argparse
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kit import references
from kit.errors import UsageError

PROJECT = references.project()
"""The folder of the app."""
NAME = re.compile(r"[a-z][a-z0-9]{0,11}")
"""A stage's name is part of every resource's name, some of which are short."""


@dataclass(frozen=True)
class Stage:
    """One stage of a project."""

    project: str
    name: str

    @classmethod
    def of(cls, name: str) -> "Stage":
        """The stage of this project with that name; raises `UsageError` for an invalid name."""
        if not NAME.fullmatch(name):
            raise UsageError(
                f"Invalid stage name {name!r}; use 1 to 12 lower-case letters and digits, a letter first: STAGE=prod"
            )
        return cls(project_name(), name)

    @property
    def resource_prefix(self) -> str:
        """What the names of all AWS resources of the stage begin with."""
        return f"{self.project}-{self.name}"

    @property
    def is_preview(self) -> bool:
        """Whether it is a preview, which has no alarms and no dashboard."""
        return self.name.startswith("preview")


def add_command(
    commands: Any, name: str, description: str, run: Callable[[argparse.Namespace], Any], **defaults: Any
) -> argparse.ArgumentParser:
    """Add a command that works on a stage, with the option `--stage`."""
    parser: argparse.ArgumentParser = commands.add_parser(name, description=description)
    parser.add_argument("--stage", default="prod", help="name of the stage (default: prod)")
    parser.set_defaults(run=run, **defaults)
    return parser


def project_name() -> str:
    """The name of the project in its pyproject.toml."""
    return str(tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"])
