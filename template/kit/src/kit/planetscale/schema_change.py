"""Bringing a PlanetScale database to the newest schema, step by step, without ever touching production directly.

The development branch is named after the newest migration, so a later run recognizes what an earlier one left: a deploy
request is continued from its state, a branch without one is created again. However a run ends, its password is deleted
(and expires after 30 minutes at the latest); its branch too, unless an open deploy request still needs it.
Source: planetscale.com/docs/vitess/schema-changes/deploy-requests
"""

from collections.abc import Callable
from typing import Any

from kit.planetscale import deployment, production, schema, states
from kit.planetscale.branches import POLL_SECONDS, Stopped
from kit.planetscale.client import ApiError, Unsure
from kit.planetscale.deploy_queue import DeployQueue
from kit.planetscale.deploy_requests import DeployRequests, is_busy
from kit.planetscale.deployment import Deployment
from kit.planetscale.run import Run
from kit.planetscale.states import Outcome

PASSWORD_NAME = "kit-migrate"  # noqa: S105
PASSWORD_SECONDS = 1800
BRANCH_ATTEMPTS = 3
"""Branches created until one has production's schema; why one does not is unknown (sluicesync/sluice, ADR-0162)."""


class SchemaChange:
    """One run of `make migrate`; `migrate` applies the migrations to the development branch at the given URL."""

    def __init__(self, run: Run, migrate: Callable[[str], None]) -> None:
        self.run = run
        self.migrate = migrate
        self.requests = DeployRequests(run)
        self.deployment = Deployment(run, self.requests)
        self.queue = DeployQueue(run, self.requests)
        self.base: schema.Tables = {}
        """The target's tables when the development branch was created."""

    def steps(self) -> list[tuple[str, Callable[[], None]]]:
        """The steps in their order, each with its title."""
        run = self.run
        window = "Skip the 30 minutes" if run.skip_revert else "Keep the 30 minutes"
        into = run.into or "the default branch"
        return [
            (f"Wait until nothing else is being deployed into {into} of {run.project}", self.queue.wait),
            (f"Create the branch {run.branch_name} from {into}, and compare their schemas", self._create_branch),
            (f"Migrate the branch to {run.newest}, with a password that expires after 30 minutes", self._migrate),
            (f"Open a deploy request into {into}", self._open),
            (
                f"Deploy it if it changes only what the migrations change. {window} in which it can be reverted",
                self.deployment.follow,
            ),
            (f"Delete the branch {run.branch_name}", self._delete_branch),
        ]

    def dry_run(self) -> None:
        """Print the steps without sending a request."""
        for number, (title, _) in enumerate(self.steps(), 1):
            self.run.say(f"{number}. {title}.")

    def apply(self) -> None:
        """Do the steps; raises `UsageError` or `ApiError`. Another run continues where this one stopped."""
        self.run.target = production.target(self.run.client, self.run.project, self.run.into)
        try:
            if self._resume():
                return
            for number, (title, act) in enumerate(self.steps(), 1):
                self.run.say(f"{number}. {title}.")
                act()
        except BaseException as error:
            self._clean_up(error)
            raise

    def _resume(self) -> bool:
        """Finish the deploy request of an earlier run; one that cannot be continued is closed, and a new one needed."""
        request = self.requests.latest()
        if request is None:
            return False
        if not self.deployment.resumable(request):  # a failure that blocks the queue is acknowledged by `DeployQueue`
            self.run.say(f"{states.describe(request)}\n  It is replaced by a new one.")
            self.requests.close(request)
            return False
        self.run.say(f"Deploy request #{request['number']} of an earlier run is {request['deployment_state']}.")
        self.deployment.follow()
        self._delete_branch()
        return True

    def _create_branch(self) -> None:
        run, target = self.run, self.run.target.branch
        for attempt in range(BRANCH_ATTEMPTS):
            run.branch.delete_and_wait()  # an earlier run may have migrated it in part
            run.branch.create(target)
            self.base = schema.read(run.client, target)
            lines = schema.differences(self.base, schema.read(run.client, run.branch_name))
            if not lines:
                return
            run.say(f"The new branch does not have the schema of {target}: {'; '.join(lines)}")
            run.sleep(POLL_SECONDS * 4**attempt)
        raise Stopped(
            f"PlanetScale created the branch {run.branch_name} with a schema that differs from {target}'s, "
            f"{BRANCH_ATTEMPTS} times. Deploying from it would do this to {target}:\n  "
            + "\n  ".join(lines)
            + "\nNothing was deployed. Refresh PlanetScale's view of the schema, then run it again:\n"
            f"  pscale branch refresh-schema {run.project.database} {target} --org {run.project.organization}\n"
            f"  {run.resume_command}"
        )

    def _migrate(self) -> None:
        branch = self.run.branch
        url = branch.new_url(PASSWORD_NAME, PASSWORD_SECONDS)
        try:
            self.migrate(url)
        finally:
            try:
                branch.delete_passwords(PASSWORD_NAME)
            except ApiError as error:
                self.run.say(f"The password of the branch {branch.name} expires by itself after 30 minutes: {error}")

    def _open(self) -> None:
        run = self.run
        record = deployment.record(self.base, schema.read(run.client, run.branch_name))

        def find_open() -> Any:
            request = self.requests.latest()
            return request if request and request["state"] == "open" else None

        def create() -> Any:
            return run.client.post(
                "deploy-requests",
                branch=run.branch_name,
                into_branch=run.target.branch,
                notes=f"Migrate to {run.newest}\n\n{record}",
                auto_cutover=True,
                auto_delete_branch=True,
            )

        def pending() -> str | None:
            try:
                run.patience.ensure(find_open, create)
            except ApiError as error:
                if not is_busy(error):
                    raise
                return error.reason
            return None

        run.patience.until(pending, f"its work on the branch {run.branch_name}")

    def _delete_branch(self) -> None:
        self.run.delete_branch(self.run.branch)

    def _clean_up(self, error: BaseException) -> None:
        """Delete the branch unless an open deploy request needs it, and say what is left."""
        run = self.run
        if isinstance(error, Unsure):
            run.say(
                f"The branch {run.branch_name} and its deploy request may exist. "
                f"The next `{run.resume_command}` continues."
            )
            return
        try:
            request = self.requests.latest()
            if request and request["state"] == "open" and states.outcome(request) is not Outcome.FAILED:
                run.say(f"The branch {run.branch_name} is kept for deploy request #{request['number']}.")
            else:
                self._delete_branch()
        except ApiError as problem:
            run.say(f"The branch {run.branch_name} and its deploy request may exist: {problem}")
