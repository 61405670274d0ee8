"""What is live: the versions that the aliases of both functions point at, and those that were live before.

The jobs function's alias is moved first, and its description is the record, written in the same request: "7/5 6/5 6/4"
means that version 7 of the web function and version 5 of the jobs function are live, and which were before.
"""

from dataclasses import dataclass
from typing import Any

from kit.ops import retry
from kit.ops.aws_account import Account
from kit.ops.stage import Stage

ALIAS = "live"
KEPT = 20
"""Deployments that are remembered: as many as the image's repository keeps images."""


@dataclass(frozen=True)
class Pair:
    """A version of the web function and one of the jobs function, which are live together."""

    web: str
    jobs: str

    def __str__(self) -> str:
        return f"{self.web}/{self.jobs}"


class Versions:
    """The versions of one stage."""

    def __init__(self, account: Account, stage: Stage) -> None:
        self.functions: Any = account.session.client("lambda", config=retry.PATIENT)
        self.web, self.jobs = f"{stage.called}-web", f"{stage.called}-jobs"

    def history(self) -> list[Pair]:
        """What is live, and what was before, newest first; nothing before a first deployment has come to its end."""
        try:
            web, jobs = self._alias(self.web), self._alias(self.jobs)
        except self.functions.exceptions.ResourceNotFoundException:
            return []
        words = [word.partition("/") for word in str(jobs.get("Description", "")).split()]
        record = [Pair(of_web, of_jobs) for of_web, _, of_jobs in words if of_web.isdecimal() and of_jobs.isdecimal()]
        if not jobs["FunctionVersion"].isdecimal() or (record and record[0].jobs == jobs["FunctionVersion"]):
            return record
        return [Pair(web["FunctionVersion"], jobs["FunctionVersion"]), *record]  # moved by other hands

    def whole(self) -> bool:
        """Whether the last move was not broken off between the two functions."""
        record = self.history()
        return not record or self._alias(self.web)["FunctionVersion"] == record[0].web

    def publish(self) -> Pair:
        """Keep both functions as they are now as versions; what has not changed has its version already."""
        return Pair(self._publish(self.web), self._publish(self.jobs))

    def _publish(self, function: str) -> str:
        self.functions.get_waiter("function_updated_v2").wait(FunctionName=function)
        made = str(self.functions.publish_version(FunctionName=function)["Version"])
        self.functions.get_waiter("published_version_active").wait(FunctionName=function, Qualifier=made)
        return made

    def move(self, record: list[Pair]) -> None:
        """Let jobs and visitors meet the first of these; the others are what was before."""
        kept = " ".join(map(str, record[:KEPT]))
        target = record[0]
        self.functions.update_alias(FunctionName=self.jobs, Name=ALIAS, FunctionVersion=target.jobs, Description=kept)
        self.functions.update_alias(FunctionName=self.web, Name=ALIAS, FunctionVersion=target.web)

    def image(self, version: str) -> str:
        """The image of a version of the web function, by its digest."""
        told = self.functions.get_function(FunctionName=self.web, Qualifier=version)["Code"]
        return str(told.get("ResolvedImageUri") or told["ImageUri"])

    def _alias(self, function: str) -> dict[str, Any]:
        told: dict[str, Any] = self.functions.get_alias(FunctionName=function, Name=ALIAS)
        return told
