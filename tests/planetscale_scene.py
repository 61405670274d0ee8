"""Running `make migrate` against the PlanetScale of planetscale_server.py, without a network and on its clock."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kit.planetscale import project
from kit.planetscale.client import Client
from kit.planetscale.run import Run
from kit.planetscale.schema_change import SchemaChange
from planetscale_server import PlanetScale

PROJECT = project.Project("my-org", "my-app")
COLUMN = "title"
"""What the migration 0002 adds to messages."""


class Killed(BaseException):
    """The process ends, as by SIGKILL: nothing that it does from here on reaches anyone."""


@dataclass
class Scene:
    """PlanetScale, and what the runs printed and migrated."""

    planetscale: PlanetScale = field(default_factory=PlanetScale)
    output: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Let PlanetScale's time pass."""
        self.slept.append(seconds)
        self.planetscale.advance(seconds)

    def migrate(self, url: str) -> None:
        """What Alembic does to the development branch."""
        self.urls.append(url)
        self.planetscale.migrate(url, "0002", COLUMN)

    def deploy(
        self, transport: Any = None, migrate: Callable[[str], None] | None = None, newest: str = "0002", **options: Any
    ) -> SchemaChange:
        """One run."""
        client = Client(PROJECT, transport or self.planetscale.transport, sleep=self.sleep)
        run = Run(PROJECT, client, newest, self.output.append, sleep=self.sleep, **options)
        return SchemaChange(run, migrate or self.migrate)

    def run(self, **options: Any) -> "Scene":
        """Do one run, and give this scene."""
        self.deploy(**options).apply()
        return self

    def interrupted(self, after: str) -> "Scene":
        """Do one run that is killed right after a request that starts with these words."""
        planetscale = self.planetscale

        def dying(method: str, path: str, body: dict[str, Any] | None) -> Any:
            if planetscale.seen and planetscale.seen[-1].startswith(after):
                raise Killed
            return planetscale.transport(method, path, body)

        try:
            self.deploy(dying).apply()
        except Killed:
            return self
        raise AssertionError(f"no request was {after}")

    @property
    def text(self) -> str:
        """Everything that was printed."""
        return "\n".join(self.output)
