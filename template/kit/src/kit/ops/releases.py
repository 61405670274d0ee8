"""Releases: which versions of both functions are live, and which were live before.

The description of the jobs function's alias is the record, written by the same request that moves the alias, before
the web function's: "7/5 6/5 6/4" means that version 7 of the web function and version 5 of the jobs function are live,
followed by the earlier releases.
"""

from dataclasses import dataclass
from typing import Any

from kit.ops import retry, secret_versions
from kit.ops.aws_account import Account
from kit.ops.stage import Stage

ALIAS = "live"
MAX_RELEASES = 20
"""How many releases are recorded: as many as the repository keeps images."""


@dataclass(frozen=True)
class Release:
    """The versions of the web and the jobs function that go live together."""

    web: str
    jobs: str

    def __str__(self) -> str:
        return f"{self.web}/{self.jobs}"


APPLIED = Release("$LATEST", "$LATEST")
"""What the infrastructure has applied last, live or not."""


class Releases:
    """The releases of one stage."""

    def __init__(self, account: Account, stage: Stage) -> None:
        self.account = account
        self.functions: Any = account.session.client("lambda", config=retry.RETRY)
        self.web, self.jobs = f"{stage.resource_prefix}-web", f"{stage.resource_prefix}-jobs"

    def history(self) -> list[Release]:
        """The live release and those before it, newest first; empty until a first deployment is complete."""
        try:
            web, jobs = self._alias(self.web), self._alias(self.jobs)
        except self.functions.exceptions.ResourceNotFoundException:
            return []
        pairs = [word.partition("/") for word in str(jobs.get("Description", "")).split()]
        record = [Release(web, jobs) for web, _, jobs in pairs if web.isdecimal() and jobs.isdecimal()]
        live = jobs["FunctionVersion"]
        if not live.isdecimal() or (record and record[0].jobs == live):
            return record
        return [Release(web["FunctionVersion"], live), *record]  # somebody has moved the alias by hand

    def is_consistent(self) -> bool:
        """False when the last move was interrupted between the two functions."""
        record = self.history()
        return not record or self._alias(self.web)["FunctionVersion"] == record[0].web

    def are_alike(self, one: Release, other: Release) -> bool:
        """Whether both functions have the same code and environment in two releases, whatever their secrets' versions."""
        pairs = ((self.web, one.web, other.web), (self.jobs, one.jobs, other.jobs))
        return all(
            self._content(function, first) == self._content(function, second) for function, first, second in pairs
        )

    def _content(self, function: str, version: str) -> tuple[str, dict[str, str]]:
        configuration = self.functions.get_function_configuration(FunctionName=function, Qualifier=version)
        variables = dict(configuration.get("Environment", {}).get("Variables", {}))
        variables.pop(secret_versions.VARIABLE, None)
        return configuration["CodeSha256"], variables

    def answering(self) -> str:
        """The version of the web function that answers requests: the live release's, unless a switch was interrupted."""
        return str(self._alias(self.web)["FunctionVersion"])

    def publish(self, description: str = "") -> Release:
        """Publish both functions as versions; Lambda returns the last version when nothing has changed.

        description: of the versions; see `kit.ops.commits`. A version that is returned again keeps the one it had.
        """
        return Release(self._publish(self.web, description), self._publish(self.jobs, description))

    def _publish(self, function: str, description: str) -> str:
        self.functions.get_waiter("function_updated_v2").wait(FunctionName=function)
        secret_versions.stamp(self.account, function)
        version = str(self.functions.publish_version(FunctionName=function, Description=description)["Version"])
        self.functions.get_waiter("published_version_active").wait(FunctionName=function, Qualifier=version)
        return version

    def activate(self, record: list[Release]) -> None:
        """Make the first release live; the others are recorded as those before it."""
        description = " ".join(map(str, record[:MAX_RELEASES]))
        target = record[0]
        self.functions.update_alias(
            FunctionName=self.jobs, Name=ALIAS, FunctionVersion=target.jobs, Description=description
        )
        self.functions.update_alias(FunctionName=self.web, Name=ALIAS, FunctionVersion=target.web)

    def description(self, version: str) -> str:
        """The description of a version of the web function."""
        function = self.functions.get_function_configuration(FunctionName=self.web, Qualifier=version)
        return str(function.get("Description", ""))

    def image(self, version: str) -> str:
        """The image of a version of the web function, by digest."""
        code = self._code(self.web, version)
        return str(code.get("ResolvedImageUri") or code["ImageUri"])

    def has_image(self, release: Release, image: str) -> bool:
        """Whether both functions of a release were given this image, by digest."""
        codes = [self._code(self.web, release.web), self._code(self.jobs, release.jobs)]
        return {code["ImageUri"].partition("@")[2] for code in codes} == {image.partition("@")[2]}

    def _code(self, function: str, version: str) -> dict[str, Any]:
        code: dict[str, Any] = self.functions.get_function(FunctionName=function, Qualifier=version)["Code"]
        return code

    def _alias(self, function: str) -> dict[str, Any]:
        alias: dict[str, Any] = self.functions.get_alias(FunctionName=function, Name=ALIAS)
        return alias
