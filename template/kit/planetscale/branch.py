"""A development branch of the database, and the passwords for it: made and taken away, as often as it takes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from kit.errors import UsageError
from kit.planetscale.api import Api, Unsure
from kit.planetscale.project import Project

POLL_SECONDS = 5
TRIES = 3


class Stopped(UsageError):
    """PlanetScale's work stopped; the message says where, why, and how to go on."""


@dataclass
class Patience:
    """How long is waited for PlanetScale, and by which command a person goes on afterwards."""

    again: str
    wait_seconds: float = 3600
    sleep: Callable[[float], None] = time.sleep

    def ensure(self, find: Callable[[], Any], create: Callable[[], Any]) -> Any:
        """Give what is there, or make it; after an unsure answer look first."""
        for attempt in range(TRIES):
            if (found := find()) is not None:
                return found
            try:
                return create()
            except Unsure:
                if attempt == TRIES - 1:
                    raise
                self.sleep(POLL_SECONDS)
        raise AssertionError("unreachable")

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Look until it holds; raises `Stopped` when that takes too long."""
        waited = 0.0
        while not holds():
            if waited >= self.wait_seconds:
                raise Stopped(f"PlanetScale is not done with {what} yet. Go on later with: {self.again}")
            self.sleep(POLL_SECONDS)
            waited += POLL_SECONDS


@dataclass(frozen=True)
class Branch:
    """A development branch by its name; production is never one."""

    project: Project
    api: Api
    name: str
    patience: Patience

    @property
    def path(self) -> str:
        return f"branches/{quote(self.name)}"

    def create(self) -> None:
        """Branch off production, unless it is there, and wait until it can be used."""
        self.patience.ensure(
            lambda: self.api.find(self.path),
            lambda: self.api.post("branches", name=self.name, parent_branch=self.project.branch),
        )
        self.patience.until(lambda: self.api.get(self.path)["ready"], f"the branch {self.name}")

    def delete(self) -> None:
        """Delete it, and its passwords with it; that it is gone already is as good."""
        found = self.api.find(self.path)
        if found and not found["production"]:
            self.api.delete(self.path)

    def wait_until_gone(self) -> None:
        """Wait until its name is free again."""
        self.patience.until(lambda: self.api.find(self.path) is None, f"deleting {self.name}")

    def passwords(self, name: str) -> list[Any]:
        """The passwords of that name, without their text, which PlanetScale tells only once."""
        return [one for one in self.api.get(f"{self.path}/passwords")["data"] if one["name"] == name]

    def delete_passwords(self, name: str) -> None:
        """Delete the passwords of that name."""
        for password in self.passwords(name):
            self.api.delete(f"{self.path}/passwords/{password['id']}")

    def new_url(self, name: str, **options: Any) -> str:
        """Make a password that may change the schema, the only one of its name, and give the URL that holds it.

        One that an earlier try made without our hearing its text is of no use.
        """
        made = self.patience.ensure(
            lambda: self.delete_passwords(name),
            lambda: self.api.post(f"{self.path}/passwords", name=name, role="admin", **options),
        )
        user, text = quote(made["username"], safe=""), quote(made["plain_text"], safe="")
        return f"mysql://{user}:{text}@{made['access_host_url']}/{self.project.database}"
