"""A preview of a pull request: a stage of its own, with its own branch of the database.

The parameter that keeps the branch's URL is there before the stage and goes after it, and its tag tells who made it:
a stage of anyone else's is not touched. The branch is known by its name. Broken off anywhere, both commands go on when
they are run again, and what they leave behind in the end is nothing.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from kit import clock
from kit.errors import UsageError
from kit.ops import aws_account, confirm, retry, secret
from kit.ops.progress import step
from kit.ops.stage import PROJECT, Stage
from kit.planetscale import production, project, transport
from kit.planetscale.branches import Branch, Patience
from kit.planetscale.client import ApiError, Client

PASSWORD = "kit-preview"  # noqa: S105  # its name
PASSWORD_DAYS = 30
RENEW_DAYS = 7
"""A password that ends sooner than this is replaced by the next `make preview`."""
MADE_HERE = {"Key": "made-by", "Value": "make preview"}


def register(commands: Any) -> None:
    """Add both commands."""
    preview = commands.add_parser("preview", help="deploy a pull request's preview, and print its address")
    preview.add_argument("--yes", action="store_true", help="do not ask")
    preview.set_defaults(run=begin)
    preview_end = commands.add_parser("preview-end", help="take a preview away, and all that belongs to it")
    preview_end.set_defaults(run=end)
    for command in (preview, preview_end):
        command.add_argument("number", help="the pull request's number")


def begin(arguments: argparse.Namespace) -> None:
    """Make the preview, or bring to it what is here; its address is the only line on standard output."""
    again = f"make preview PR={arguments.number}"
    with _explained(again):
        preview = of(arguments.number, again)
        made = f"{preview.stage.called}, with the branch {preview.branch.name} of {preview.branch.project}"
        print(f"\n{made}. PlanetScale may charge for the branch.\n", file=sys.stderr)
        confirm.ask("Go ahead?", yes=arguments.yes, otherwise=f"Add YES=1: {again} YES=1")
        print(preview.begin())


def end(arguments: argparse.Namespace) -> None:
    """Take it away; it asks nothing, as only what `make preview` made can go."""
    again = f"make preview-end PR={arguments.number}"
    with _explained(again):
        of(arguments.number, again).end()


def of(number: str, again: str) -> "Preview":
    """This project's preview of a pull request; raises `UsageError` for what is no number, and without a login."""
    if not re.fullmatch(r"[1-9][0-9]{0,4}", number):
        raise UsageError(
            f"A preview is known by its pull request's number, up to five digits, such as PR=12; this is PR={number}"
        )
    database = project.read(PROJECT)
    branch = Branch(database, Client(database, transport.choose()), f"kit-preview-{number}", Patience(again))
    ssm = aws_account.account().session.client("ssm", config=retry.PATIENT)
    # Not pr12: a policy for the stages pr* would be one for prod, too.
    return Preview(Stage.of(f"preview{number}"), branch, ssm, make)


@contextmanager
def _explained(again: str) -> Iterator[None]:
    """Add to what PlanetScale or AWS refuse how to go on."""
    try:
        yield
    except (ApiError, ClientError, BotoCoreError) as error:
        why = str(error) if isinstance(error, ApiError) else retry.sentence(error, policy="deploy")
        raise UsageError(f"{why}\nNothing is lost. Go on with: {again}") from error


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
        return secret.parameter(self.stage, "database-url")

    def begin(self) -> str:
        """Make it, or deploy to it what is here now; give its address."""
        url = self._url()
        with step("database branch"):
            settings = production.database(self.branch.client, self.branch.project)
            self.branch.create(settings["default_branch"])
        with step("database password"):
            if not self._opens(url):
                self._keep(self.branch.new_url(PASSWORD, PASSWORD_DAYS * 24 * 3600), new=url is None)
        return self.make("deploy", STAGE=self.stage.name, DIRECT="1", YES="1")

    def end(self) -> None:
        """Take it away: the stage, the branch with its password, and the parameter last."""
        url = self._url()
        if url is not None:
            self.make("destroy", STAGE=self.stage.name, CONFIRM=self.stage.called)
        with step("database branch"):
            self.branch.delete_and_wait()
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
        """Whether the URL's password works for some days more: the branch may have been created again since."""
        user = unquote(urlsplit(url).username or "") if url else None
        until = clock.now() + timedelta(days=RENEW_DAYS)
        return user in {one["username"] for one in self.branch.passwords(PASSWORD) if _lasts(one["expires_at"], until)}

    def _keep(self, url: str, *, new: bool) -> None:
        how = {"Tags": [MADE_HERE]} if new else {"Overwrite": True}  # AWS takes only one of the two
        self.ssm.put_parameter(Name=self.parameter, Value=url, Type="SecureString", **how)


def _lasts(expires_at: str | None, until: datetime) -> bool:
    """Whether a password ends after `until`. One without an end is from before they had one, and is replaced."""
    return expires_at is not None and datetime.fromisoformat(expires_at) > until
