"""A preview of a pull request: a stage of its own, with its own branch of the database.

The parameter that keeps the branch's URL is there before the stage and goes after it, and its tag tells who made it:
a stage of anyone else's is not touched. The branch is known by its name. Broken off anywhere, both commands go on when
they are run again, and what they leave behind in the end is nothing.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.exceptions import ClientError

from infra.ops import session
from infra.ops.progress import step
from infra.ops.stage import PROJECT, Stage
from kit.errors import UsageError
from kit.planetscale import api, project
from kit.planetscale.branch import Branch, Patience

PASSWORD = "kit-preview"  # noqa: S105  # its name
MADE_HERE = {"Key": "made-by", "Value": "make preview"}


def register(commands: Any) -> None:
    """Add both commands."""
    preview = commands.add_parser("preview", help="deploy a pull request's preview, and print its address")
    preview.set_defaults(run=lambda arguments: print(run(arguments.number, "preview", Preview.begin)))
    preview_end = commands.add_parser("preview-end", help="take a preview away, and all that belongs to it")
    preview_end.set_defaults(run=lambda arguments: run(arguments.number, "preview-end", Preview.end))
    for command in (preview, preview_end):
        command.add_argument("number", help="the pull request's number")


def run(number: str, target: str, act: Callable[["Preview"], str | None]) -> str | None:
    """Do it to this project's preview of that number; what AWS or PlanetScale refuse becomes a `UsageError`."""
    if not re.fullmatch(r"[1-9][0-9]{0,8}", number):
        raise UsageError(f"A preview is known by its pull request's number: make {target} PR=12, not PR={number}")
    stage, database, again = Stage.of(f"pr{number}"), project.read(PROJECT), f"make {target} PR={number}"
    ssm = session.account().session.client("ssm")
    branch = Branch(database, api.Api(database, api.transport()), f"kit-preview-{number}", Patience(again))
    try:
        return act(Preview(stage, branch, ssm, make))
    except api.ApiError as error:
        raise UsageError(f"{error}\nNothing is lost. Go on with: {again}") from error
    except ClientError as error:
        raise UsageError(f"AWS refused: {session.reason(error)}\nNothing is lost. Go on with: {again}") from error


def make(target: str, **variables: str) -> str:
    """Run a target of this project's Makefile; give what it prints on standard output."""
    command = ["make", "--no-print-directory", target, *(f"{name}={value}" for name, value in variables.items())]
    done = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    if done.returncode:
        sys.stderr.write(done.stdout)
        raise UsageError(f"This failed, as it says above: {' '.join(command)}")
    return done.stdout.strip()


@dataclass(frozen=True)
class Preview:
    """One preview; `make` deploys and destroys its stage."""

    stage: Stage
    branch: Branch
    ssm: Any
    make: Callable[..., str]

    @property
    def parameter(self) -> str:
        """Where the URL of its database is kept: where the stage's functions look for it."""
        return f"/{self.stage.project}/{self.stage.name}/database-url"

    def begin(self) -> str:
        """Make it, or deploy to it what is here now; give its address."""
        url = self._url()
        with step("database branch"):
            self.branch.create()
        with step("database password"):
            if not self._opens(url):
                self._keep(self.branch.new_url(PASSWORD), new=url is None)
        return self.make("deploy", STAGE=self.stage.name, DIRECT="1", YES="1")

    def end(self) -> None:
        """Take it away: the stage, the branch with its password, and the parameter last."""
        url = self._url()
        if url is not None:
            self.make("destroy", STAGE=self.stage.name, CONFIRM=self.stage.called)
        with step("database branch"):
            self.branch.delete()
            self.branch.wait_until_gone()
        if url is not None:
            self.ssm.delete_parameter(Name=self.parameter)

    def _url(self) -> str | None:
        """The URL that is kept; raises `UsageError` when someone else keeps one there."""
        try:
            kept = self.ssm.get_parameter(Name=self.parameter, WithDecryption=True)["Parameter"]["Value"]
        except self.ssm.exceptions.ParameterNotFound:
            return None
        tags = self.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=self.parameter)["TagList"]
        if MADE_HERE not in tags:
            raise UsageError(
                f"The stage {self.stage.name} was not made by `make preview`: {self.parameter} does not have its tag. "
                f"Nothing was touched. If it may go: make destroy STAGE={self.stage.name}, and delete the parameter"
            )
        return str(kept)

    def _opens(self, url: str | None) -> bool:
        """Whether the branch still has the password that the URL holds: the branch may have been made anew since."""
        user = unquote(urlsplit(url).username or "") if url else None
        return user in {password["username"] for password in self.branch.passwords(PASSWORD)}

    def _keep(self, url: str, *, new: bool) -> None:
        how = {"Tags": [MADE_HERE]} if new else {"Overwrite": True}  # AWS takes only one of the two
        self.ssm.put_parameter(Name=self.parameter, Value=url, Type="SecureString", **how)
