"""Creating and deleting development branches and their passwords."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from kit.errors import UsageError
from kit.planetscale.client import ApiError, Client, NotFound, Unsure
from kit.planetscale.project import Project

POLL_SECONDS = 5
TRIES = 3


class Stopped(UsageError):
    """The work at PlanetScale stopped; the message says where, why, and how to go on."""


@dataclass
class Patience:
    """How long to wait for PlanetScale, and `again`, the command that continues afterwards."""

    again: str
    wait_seconds: float = 3600
    sleep: Callable[[float], None] = time.sleep

    def ensure(self, find: Callable[[], Any], create: Callable[[], Any]) -> Any:
        """Return what `find` returns, or create it; when the outcome of creating is unknown, look again first."""
        for attempt in range(TRIES):
            if (existing := find()) is not None:
                return existing
            try:
                return create()
            except Unsure:
                if attempt == TRIES - 1:
                    raise
                self.sleep(POLL_SECONDS)
        raise AssertionError("unreachable")

    def until(self, pending: Callable[[], str | None], what: str) -> None:
        """Poll until `pending` returns None instead of what it waits for; raises `Stopped` when that takes too long."""
        waited = 0.0
        while (reason := pending()) is not None:
            if waited >= self.wait_seconds:
                raise Stopped(f"PlanetScale has not finished {what}: {reason}. Continue later with: {self.again}")
            self.sleep(POLL_SECONDS)
            waited += POLL_SECONDS


@dataclass(frozen=True)
class Branch:
    """A development branch by its name; a production branch is never touched."""

    project: Project
    client: Client
    name: str
    patience: Patience

    def find(self) -> Any:
        """The branch, or None. Raises `NotFound` when the token cannot see whether it exists.

        404 alone does not mean that it is gone: a token without access gets the same. It is gone when it is missing from
        the list of branches, which always contains the production branch.
        """
        try:
            return self.client.get("branches/{}", self.name)
        except NotFound:
            names = {branch["name"] for branch in self.client.items("branches")}
            if self.name in names or not names:
                raise
            return None

    def create(self, parent: str) -> None:
        """Create it from `parent` unless it exists, and wait until it is ready."""
        self.patience.ensure(self.find, lambda: self.client.post("branches", name=self.name, parent_branch=parent))
        self.patience.until(self._not_ready, f"creating the branch {self.name}")

    def _not_ready(self) -> str | None:
        branch = self.client.get("branches/{}", self.name)
        return None if branch["ready"] and branch["schema_ready"] else f"it is {branch['state']}"

    def delete(self) -> str | None:
        """Delete it with its passwords. Returns None once it is gone, or why PlanetScale refuses to delete it yet.

        After a deployment it refuses with 422 for about a minute (sluicesync/sluice, release notes v0.99.256).
        """
        branch = self.find()
        if branch is None or branch["production"]:
            return None
        if branch["deletion_protected"]:
            raise Stopped(f"The branch {self.name} is protected. Remove its deletion protection: {branch['html_url']}")
        try:
            self.client.delete("branches/{}", self.name)
        except NotFound:
            if self.find() is not None:
                raise  # visible, but not to be deleted with this token
        except ApiError as error:
            if error.status != 422:
                raise
            return error.reason
        return None

    def delete_and_wait(self) -> None:
        """Delete it, and wait until its name is free."""
        self.patience.until(self.delete, f"its work on the branch {self.name}, which cannot be deleted until then")
        self.patience.until(
            lambda: None if self.find() is None else "it still exists", f"deleting the branch {self.name}"
        )

    def passwords(self, name: str) -> list[Any]:
        """The passwords of that name, without their text, which PlanetScale shows only once."""
        return [
            password for password in self.client.items("branches/{}/passwords", self.name) if password["name"] == name
        ]

    def delete_passwords(self, name: str) -> None:
        """Delete the passwords of that name; raises `ApiError` when the token may not."""
        for password in self.passwords(name):
            try:
                self.client.delete("branches/{}/passwords/{}", self.name, password["id"])
            except NotFound:
                if password["id"] in {one["id"] for one in self.passwords(name)}:
                    raise

    def new_url(self, name: str, ttl: int) -> str:
        """Create a password that may change the schema and ends after `ttl` seconds; returns the URL with it.

        Others of that name are deleted first: the text of one that an earlier run created is lost.
        """
        password = self.patience.ensure(
            lambda: self.delete_passwords(name),
            lambda: self.client.post("branches/{}/passwords", self.name, name=name, role="admin", ttl=ttl),
        )
        user, text = quote(password["username"], safe=""), quote(password["plain_text"], safe="")
        return f"mysql://{user}:{text}@{password['access_host_url']}/{self.project.database}"
