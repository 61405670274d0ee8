"""What the parts of one `make migrate` run share: the database, the options, and the development branch."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from kit.planetscale.branches import Branch, Patience, Stopped
from kit.planetscale.client import ApiError, Client
from kit.planetscale.production import Target
from kit.planetscale.project import Project

BRANCH_PREFIX = "kit-migrate-"


@dataclass
class Run:
    """One run.

    `newest` is the newest migration's revision, `say` prints a line of progress, and `into` names the branch to deploy
    into (by default the database's default branch).
    """

    project: Project
    client: Client
    newest: str
    say: Callable[[str], None]
    into: str | None = None
    skip_revert: bool = False
    wait_seconds: float = 3600
    sleep: Callable[[float], None] = time.sleep
    target: Target = field(init=False, repr=False)
    """The branch to deploy into, set once `SchemaChange.apply` has read it from PlanetScale."""

    @property
    def branch_name(self) -> str:
        """The name of the development branch, the same in each run with these migrations."""
        return f"{BRANCH_PREFIX}{self.newest}"

    @property
    def branch(self) -> Branch:
        """The development branch, whether or not it exists."""
        return self.branch_named(self.branch_name)

    def branch_named(self, name: str) -> Branch:
        """A branch of the database, whether or not it exists."""
        return Branch(self.project, self.client, name, self.patience)

    @property
    def patience(self) -> Patience:
        """How long to wait for PlanetScale."""
        return Patience(self.resume_command, self.wait_seconds, self.sleep)

    @property
    def resume_command(self) -> str:
        """The command that continues after an interruption."""
        return f"make migrate INTO={self.into}" if self.into else "make migrate"

    def deploy_request_command(self, verb: str, number: int) -> str:
        """The pscale command that does something with a deploy request."""
        return f"pscale deploy-request {verb} {self.project.database} {number} --org {self.project.organization}"

    def delete_branch(self, branch: Branch) -> None:
        """Delete a branch that is no longer needed. A failure is only printed: the schema is what counts."""
        try:
            if reason := branch.delete():
                self.say(f"The branch {branch.name} stays until PlanetScale deletes it after the deployment: {reason}")
        except (ApiError, Stopped) as error:
            self.say(f"The branch {branch.name} may still exist: {error}")
