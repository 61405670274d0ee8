"""A stage: one of several copies of the app, side by side in one account, each called <project>-<stage>."""

import re
import tomllib
from argparse import ArgumentParser
from dataclasses import dataclass

from kit import references
from kit.errors import UsageError

PROJECT = references.project()
"""The folder of the app."""
NAME = re.compile(r"[a-z][a-z0-9]{0,11}")
"""What a stage may be called: short enough for every name that is made of it."""


@dataclass(frozen=True)
class Stage:
    """One stage of one project."""

    project: str
    name: str

    @classmethod
    def of(cls, name: str) -> "Stage":
        """This project's stage of that name; raises `UsageError` when no stage can be called so."""
        if not NAME.fullmatch(name):
            raise UsageError(
                f"A stage cannot be called {name!r}. Take 1 to 12 lower-case letters and digits, a letter first: "
                "STAGE=prod"
            )
        return cls(project_name(), name)

    @staticmethod
    def option(command: ArgumentParser) -> None:
        """Let a command be told which stage is meant."""
        command.add_argument("--stage", default="prod", help="which of several copies (prod)")

    @property
    def called(self) -> str:
        """What everything of this stage is called in AWS."""
        return f"{self.project}-{self.name}"


def project_name() -> str:
    """The project's name, as its pyproject.toml has it."""
    return str(tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"])
