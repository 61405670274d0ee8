"""Preview environments: a stage for a pull request, with a database branch of its own.

The SSM parameter with the branch's URL is created before the stage and deleted after it. Its tag marks the stage as a
preview: any other stage is left alone. Both commands continue where they were interrupted when they are run again, and
`make preview-end` leaves nothing behind. All previews have the settings and secrets of the stage `preview`.

A pull request may change the project's region. So both commands look for the parameter in all regions, and delete the
preview in every other one.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from kit import clock
from kit.errors import UsageError
from kit.ops import aws_account, confirm, github, regions, retry, secret
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
    """Add the command and its options; `make preview-end` is in preview_end.py."""
    preview = commands.add_parser("preview", description="Deploy a preview of a pull request and print its URL.")
    preview.add_argument("--yes", action="store_true", help="don't ask for confirmation")
    preview.set_defaults(run=begin)
    preview.add_argument("number", help="the pull request's number")


def begin(arguments: argparse.Namespace) -> None:
    """Create or update the preview; only its URL goes to standard output."""
    again = f"make preview PR={arguments.number}"
    with explain_failures(again):
        preview = of(arguments.number, again)
        resources = f"{preview.stage.resource_prefix} with the branch {preview.branch.name} of {preview.branch.project}"
        print(f"\n{resources}. PlanetScale may charge for the branch.\n", file=sys.stderr)
        confirm.ask("Continue?", yes=arguments.yes, hint=f"Add YES=1: {again} YES=1")
        _end_if_closed(preview, arguments.number, "is closed, so its preview is not deployed, but deleted")
        address = preview.begin()
        _end_if_closed(preview, arguments.number, "was closed meanwhile, so its preview is deleted again")
        print(address)


def _end_if_closed(preview: "Preview", number: str, sentence: str) -> None:
    """Delete the preview and raise `UsageError` if its pull request is closed; only a pipeline has one to ask about.

    GitHub lets a workflow be run again after its pull request was closed.
    """
    if not github.runs_here():
        return
    pull = github.pull_request(int(number))
    if pull is None:
        raise UsageError(f"GitHub has no pull request {number}, or GH_TOKEN may not read pull requests.")
    if pull.closed_at:
        preview.end()
        raise UsageError(f"Pull request {number} {sentence}.")


def of(number: str, again: str) -> "Preview":
    """This project's preview of a pull request; raises `UsageError` for an invalid number, and without a login."""
    if not re.fullmatch(r"[1-9][0-9]{0,4}", number):
        raise UsageError(f"Invalid PR={number}; use the pull request's number of up to five digits, such as PR=12")
    database = project.read(PROJECT)
    branch = Branch(database, Client(database, transport.choose()), f"kit-preview-{number}", Patience(again))
    account = aws_account.account()
    ssm = account.session.client("ssm", config=retry.RETRY)
    # Not pr12: a policy for the stages pr* would also match prod.
    return Preview(Stage.of(f"preview{number}"), branch, ssm, make, lambda name: _other_stores(account, name))


def _other_stores(account: aws_account.Account, parameter: str) -> dict[str, Any]:
    """SSM in each other region that has this parameter."""

    def with_parameter(ssm: Any, region: str) -> Any:
        try:
            arn = ssm.get_parameter(Name=parameter)["Parameter"]["ARN"]
        except ssm.exceptions.ParameterNotFound:
            return None
        return ssm if arn.split(":")[3] == region else None  # a local AWS may have one region by all names

    stores, _ = regions.ask(account, "ssm", with_parameter)
    return {region: ssm for region, ssm in stores.items() if ssm and region != account.region}


@contextmanager
def explain_failures(again: str) -> Iterator[None]:
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
    find_elsewhere: Callable[[str], Mapping[str, Any]] = lambda parameter: {}
    """Finds SSM in each other region that has the parameter."""

    @property
    def parameter(self) -> str:
        """The SSM parameter that the stage's functions read the database URL from."""
        return secret.parameter(self.stage, "database-url")

    def begin(self) -> str:
        """Create the preview, or deploy to it again; return its URL."""
        url = self._url()
        self._end_elsewhere()
        with step("database branch"):
            settings = production.database(self.branch.client, self.branch.project)
            self.branch.create(settings["default_branch"])
        with step("database password"):
            if not self._is_valid(url):
                self._store(self.branch.new_url(PASSWORD, PASSWORD_DAYS * 24 * 3600), new=url is None)
        with step("secrets"):
            StageSecrets(self.ssm, self.stage).copy_from(StageSecrets(self.ssm, replace(self.stage, name="preview")))
        return self.make(
            "deploy", STAGE=self.stage.name, DIRECT="1", OLDER="1", YES="1"
        )  # a rebase may take commits away

    def end(self) -> None:
        """Delete the stage, the branch with its password, and the parameter last."""
        url = self._url()
        self._end_elsewhere()
        if url is not None:
            self.make("destroy", STAGE=self.stage.name, CONFIRM=self.stage.resource_prefix)
        with step("database branch"):
            self.branch.delete_and_wait()
        StageSecrets(self.ssm, self.stage).delete_all()
        if url is not None:
            self.ssm.delete_parameter(Name=self.parameter)

    def _end_elsewhere(self) -> None:
        """Delete the stage in every other region: the pull request, or main since, has changed the region."""
        for region, ssm in self.find_elsewhere(self.parameter).items():
            if TAG in _tags(ssm, self.parameter):
                self.make("destroy", STAGE=self.stage.name, CONFIRM=self.stage.resource_prefix, AWS_REGION=region)
                StageSecrets(ssm, self.stage).delete_all()
                ssm.delete_parameter(Name=self.parameter)

    def _url(self) -> str | None:
        """The stored URL; raises `UsageError` when `make preview` did not store it."""
        try:
            url = self.ssm.get_parameter(Name=self.parameter, WithDecryption=True)["Parameter"]["Value"]
        except self.ssm.exceptions.ParameterNotFound:
            return None
        if TAG not in _tags(self.ssm, self.parameter):
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
        tags = [TAG, {"Key": "project", "Value": self.stage.project}, {"Key": "stage", "Value": self.stage.name}]
        options = {"Tags": tags} if new else {"Overwrite": True}  # AWS accepts only one of the two
        self.ssm.put_parameter(Name=self.parameter, Value=url, Type="SecureString", **options)


def _tags(ssm: Any, parameter: str) -> list[dict[str, str]]:
    tags: list[dict[str, str]] = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=parameter)["TagList"]
    return tags


def _expires_after(limit: datetime, expires_at: str | None) -> bool:
    """False for a password without an expiry, too: those are from before passwords had one."""
    return expires_at is not None and datetime.fromisoformat(expires_at) > limit
