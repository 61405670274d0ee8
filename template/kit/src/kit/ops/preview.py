"""Preview environments: a stage for a pull request, with a database branch of its own.

The SSM parameter with the branch's URL is created before the stage and deleted after it. Its tag marks the stage as a
preview: any other stage is left alone. Both commands continue where they were interrupted when they are run again, and
`make preview-end` leaves nothing behind. All previews have the settings and secrets of the stage `preview`.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from kit import clock
from kit.errors import UsageError
from kit.ops import aws_account, confirm, retry, secret
from kit.ops.progress import step
from kit.ops.stage import PROJECT, Stage
from kit.ops.stage_secrets import StageSecrets
from kit.planetscale import production, project, transport
from kit.planetscale.branches import Branch, Patience
from kit.planetscale.client import ApiError, Client

PASSWORD = "kit-preview"  # noqa: S105  # its name
PASSWORD_DAYS = 30
RENEW_DAYS = 7
"""The next `make preview` replaces a password that expires sooner than this."""
TAG = {"Key": "made-by", "Value": "make preview"}


def register(commands: Any) -> None:
    """Add both commands."""
    preview = commands.add_parser("preview", description="Deploy a preview of a pull request and print its URL.")
    preview.add_argument("--yes", action="store_true", help="don't ask for confirmation")
    preview.set_defaults(run=begin)
    preview_end = commands.add_parser("preview-end", description="Delete a preview and its database branch.")
    preview_end.set_defaults(run=end)
    for command in (preview, preview_end):
        command.add_argument("number", help="the pull request's number")


def begin(arguments: argparse.Namespace) -> None:
    """Create or update the preview; only its URL goes to standard output."""
    again = f"make preview PR={arguments.number}"
    with _explain_failures(again):
        preview = of(arguments.number, again)
        resources = f"{preview.stage.resource_prefix} with the branch {preview.branch.name} of {preview.branch.project}"
        print(f"\n{resources}. PlanetScale may charge for the branch.\n", file=sys.stderr)
        confirm.ask("Continue?", yes=arguments.yes, hint=f"Add YES=1: {again} YES=1")
        print(preview.begin())


def end(arguments: argparse.Namespace) -> None:
    """Delete the preview, without confirmation: it deletes only what `make preview` created."""
    again = f"make preview-end PR={arguments.number}"
    with _explain_failures(again):
        of(arguments.number, again).end()


def of(number: str, again: str) -> "Preview":
    """This project's preview of a pull request; raises `UsageError` for an invalid number, and without a login."""
    if not re.fullmatch(r"[1-9][0-9]{0,4}", number):
        raise UsageError(f"Invalid PR={number}; use the pull request's number of up to five digits, such as PR=12")
    database = project.read(PROJECT)
    branch = Branch(database, Client(database, transport.choose()), f"kit-preview-{number}", Patience(again))
    ssm = aws_account.account().session.client("ssm", config=retry.RETRY)
    # Not pr12: a policy for the stages pr* would also match prod.
    return Preview(Stage.of(f"preview{number}"), branch, ssm, make)


@contextmanager
def _explain_failures(again: str) -> Iterator[None]:
    """Add how to continue to a failure of PlanetScale's or AWS's."""
    try:
        yield
    except (ApiError, ClientError, BotoCoreError) as error:
        reason = str(error) if isinstance(error, ApiError) else retry.format_error(error, policy="deploy")
        raise UsageError(f"{reason}\nNothing is lost. Continue with: {again}") from error


def make(target: str, **variables: str) -> str:
    """Run a target of the project's Makefile; return what it prints on standard output."""
    command = ["make", "--no-print-directory", target, *(f"{name}={value}" for name, value in variables.items())]
    done = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    if done.returncode:
        sys.stderr.write(done.stdout)
        raise UsageError(f"This failed, see its output above: {' '.join(command)}")
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
        """The SSM parameter that the stage's functions read the database URL from."""
        return secret.parameter(self.stage, "database-url")

    def begin(self) -> str:
        """Create the preview, or deploy to it again; return its URL."""
        url = self._url()
        with step("database branch"):
            settings = production.database(self.branch.client, self.branch.project)
            self.branch.create(settings["default_branch"])
        with step("database password"):
            if not self._is_valid(url):
                self._store(self.branch.new_url(PASSWORD, PASSWORD_DAYS * 24 * 3600), new=url is None)
        with step("secrets"):
            StageSecrets(self.ssm, self.stage).copy_from(StageSecrets(self.ssm, replace(self.stage, name="preview")))
        return self.make("deploy", STAGE=self.stage.name, DIRECT="1", YES="1")

    def end(self) -> None:
        """Delete the stage, the branch with its password, and the parameter last."""
        url = self._url()
        if url is not None:
            self.make("destroy", STAGE=self.stage.name, CONFIRM=self.stage.resource_prefix)
        with step("database branch"):
            self.branch.delete_and_wait()
        StageSecrets(self.ssm, self.stage).delete_all()
        if url is not None:
            self.ssm.delete_parameter(Name=self.parameter)

    def _url(self) -> str | None:
        """The stored URL; raises `UsageError` when `make preview` did not store it."""
        try:
            url = self.ssm.get_parameter(Name=self.parameter, WithDecryption=True)["Parameter"]["Value"]
        except self.ssm.exceptions.ParameterNotFound:
            return None
        tags = self.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=self.parameter)["TagList"]
        if TAG not in tags:
            raise UsageError(
                f"The stage {self.stage.name} was not created by `make preview`: {self.parameter} lacks its tag. Nothing "
                f"changed. To delete it anyway: make destroy STAGE={self.stage.name}, and delete the parameter"
            )
        return str(url)

    def _is_valid(self, url: str | None) -> bool:
        """Whether the URL's password exists, as the branch may have been recreated, and doesn't expire soon."""
        user = unquote(urlsplit(url).username or "") if url else None
        limit = clock.now() + timedelta(days=RENEW_DAYS)
        passwords = self.branch.passwords(PASSWORD)
        return user in {password["username"] for password in passwords if _expires_after(limit, password["expires_at"])}

    def _store(self, url: str, *, new: bool) -> None:
        options = {"Tags": [TAG]} if new else {"Overwrite": True}  # AWS accepts only one of the two
        self.ssm.put_parameter(Name=self.parameter, Value=url, Type="SecureString", **options)


def _expires_after(limit: datetime, expires_at: str | None) -> bool:
    """False for a password without an expiry, too: those are from before passwords had one."""
    return expires_at is not None and datetime.fromisoformat(expires_at) > limit
