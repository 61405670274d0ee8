"""Bringing a PlanetScale database to the newest schema, step by step, without ever touching production directly.

The development branch is named after the newest migration, so what an earlier run left is found again: a deploy
request is followed from where it stands, a branch without one is made anew. Whatever ends a run, its password is
deleted (and dies after 30 minutes at the latest); its branch too, unless an open deploy request still needs it.
Source: planetscale.com/docs/vitess/schema-changes/deploy-requests
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from kit.planetscale.api import Api, ApiError, Unsure
from kit.planetscale.branch import POLL_SECONDS, Branch, Patience, Stopped
from kit.planetscale.project import Project

PASSWORD = "kit-migrate"  # noqa: S105  # its name
PASSWORD_SECONDS = 1800

WAITING = {
    "pending",
    "queued",
    "submitting",
    "in_progress",
    "in_progress_vschema",
    "in_progress_cutover",
    "in_progress_cancel",
    "in_progress_revert",
    "in_progress_revert_vschema",
}
DONE = {"complete", "complete_pending_revert"}


@dataclass
class Deploy:
    """One run. `migrate` gets the URL of the development branch; `say` gets a line for each step."""

    project: Project
    api: Api
    newest: str
    migrate: Callable[[str], None]
    say: Callable[[str], None]
    skip_revert: bool = False
    wait_seconds: float = 3600
    sleep: Callable[[float], None] = time.sleep

    @property
    def branch(self) -> str:
        """The development branch's name."""
        return f"kit-migrate-{self.newest}"

    @property
    def _branch(self) -> Branch:
        return Branch(self.project, self.api, self.branch, self._patience)

    @property
    def _patience(self) -> Patience:
        return Patience("make migrate", self.wait_seconds, self.sleep)

    def plan(self) -> list[tuple[str, Callable[[], None]]]:
        """The steps in their order: what is said, and what is done."""
        window = "Skip the 30 minutes" if self.skip_revert else "Keep the 30 minutes"
        main = self.project.branch
        return [
            (f"See that {self.project} takes deploy requests into {main} and copies alembic_version", self._ready),
            (f"Create the branch {self.branch} from {main}, and wait for it", self._create_branch),
            (f"Migrate the branch to {self.newest}, with a password that lives 30 minutes", self._migrate),
            (f"Open a deploy request into {main}", self._open),
            (f"Deploy it. {window} in which it can be reverted", self._follow),
            (f"Delete the branch {self.branch}", self._branch.delete),
        ]

    def dry_run(self) -> None:
        """Say the steps, and do nothing."""
        for number, (title, _) in enumerate(self.plan(), 1):
            self.say(f"{number}. {title}.")

    def run(self) -> None:
        """Do the steps; raises `Stopped` or `ApiError`. Run it again to go on where it broke off."""
        try:
            if self._earlier():
                self._follow()
                self._branch.delete()
                return
            for number, (title, act) in enumerate(self.plan(), 1):
                self.say(f"{number}. {title}.")
                act()
        except BaseException:
            self._tidy()
            raise

    def _earlier(self) -> bool:
        """Whether a deploy request of the same branch is open or done."""
        request = self._request()
        if request is None:
            return False
        if request["deployment_state"] not in DONE and request["state"] != "open":
            return False
        self.say(f"Deploy request #{request['number']} of an earlier run is taken up ({request['deployment_state']}).")
        return True

    def _request(self) -> Any:
        listed = self.api.get("deploy-requests", branch=self.branch, into_branch=self.project.branch)["data"]
        return max(listed, key=lambda request: request["number"], default=None)

    def _ready(self) -> None:
        database, main = self.api.get(), self.api.get(f"branches/{quote(self.project.branch)}")
        name, branch = self.project.database, self.project.branch
        if not (main["production"] and main["safe_migrations"]):
            raise Stopped(
                f"The branch {branch} takes no deploy requests yet. Switch safe migrations on:\n"
                f"  pscale branch promote {name} {branch} --org {self.project.organization}\n"
                f"  pscale branch safe-migrations enable {name} {branch} --org {self.project.organization}"
            )
        if not database["automatic_migrations"] or database["migration_table_name"] != "alembic_version":
            raise Stopped(
                "PlanetScale does not copy alembic_version with a deploy request yet, so that no branch would know what "
                "is applied. Switch it on:\n"
                f"  pscale database update {name} --org {self.project.organization} "
                "--automatic-migrations=true --migration-table-name alembic_version"
            )
        for request in self.api.get("deploy-requests", into_branch=branch)["data"]:
            if request["deployment_state"] == "complete_pending_revert":
                self._end_window(request["number"])

    def _end_window(self, number: int) -> None:
        """An earlier deploy that can still be reverted: its migrations are not known to be applied before that ends."""
        if not self.skip_revert:
            raise Stopped(
                f"Deploy request #{number} can still be reverted, and until then production does not count its "
                "migrations. Wait for its 30 minutes to pass, or make it final: make migrate SKIP_REVERT=1"
            )
        self.api.post(f"deploy-requests/{number}/skip-revert")
        self._patience.until(
            lambda: self.api.get(f"deploy-requests/{number}")["deployment_state"] == "complete", f"#{number}"
        )

    def _create_branch(self) -> None:
        self._branch.delete()  # what an earlier run left may be migrated by half
        self._branch.wait_until_gone()
        self._branch.create()

    def _migrate(self) -> None:
        url = self._branch.new_url(PASSWORD, ttl=PASSWORD_SECONDS)
        try:
            self.migrate(url)
        finally:
            self._branch.delete_passwords(PASSWORD)

    def _open(self) -> None:
        self._patience.ensure(
            lambda: self._open_request(),
            lambda: self.api.post(
                "deploy-requests",
                branch=self.branch,
                into_branch=self.project.branch,
                notes=f"Migrate to {self.newest}",
                auto_cutover=True,
                auto_delete_branch=True,
            ),
        )

    def _open_request(self) -> Any:
        request = self._request()
        return request if request and request["state"] == "open" else None

    def _follow(self) -> None:
        """Do what each state of the deploy request asks for, until it is deployed."""
        waited = 0.0
        while True:
            request = self._request()
            number, state = request["number"], request["deployment_state"]
            self._refuse_lint(request)
            if state == "no_changes":
                self.api.patch(f"deploy-requests/{number}", state="closed")
                self.say("Production has this schema already.")
                return
            if state == "complete" or (state == "complete_pending_revert" and not self.skip_revert):
                self.say(f"Deploy request #{number} is deployed.")
                return
            if state not in WAITING and not self._act(number, state):
                raise Stopped(f"Deploy request #{number} ended as {state}: {request.get('html_url', '')}")
            if waited >= self.wait_seconds:
                raise Stopped(f"Deploy request #{number} is still {state}. Go on later with: make migrate")
            self.sleep(POLL_SECONDS)
            waited += POLL_SECONDS

    def _act(self, number: int, state: str) -> bool:
        """Set off what comes next; whether this state has a next."""
        action = {
            "ready": "deploy",
            "pending_cutover": "apply-deploy",
            "complete_pending_revert": "skip-revert",
        }.get(state)
        if action is None:
            return False
        try:
            self.api.post(f"deploy-requests/{number}/{action}")
        except Unsure:
            pass  # the state tells whether it was done
        except ApiError as error:
            if error.status in {403, 422} and action == "deploy":
                raise Stopped(f"Deploy request #{number} waits: {error}\nOnce it is approved: make migrate") from error
            raise
        return True

    def _refuse_lint(self, request: Any) -> None:
        deployment = request.get("deployment") or {}
        errors = deployment.get("lint_errors") or []
        if errors or (request["deployment_state"] == "ready" and deployment.get("deployable") is False):
            self.api.patch(f"deploy-requests/{request['number']}", state="closed")
            lines = [f"  {error['lint_error']}: {error['error_description']}  {error['docs_url']}" for error in errors]
            why = "\n".join(lines) or f"  {deployment.get('deploy_check_errors') or 'it gives no reason'}"
            raise Stopped(f"PlanetScale cannot deploy request #{request['number']}, which is closed now:\n{why}")

    def _tidy(self) -> None:
        """Leave nothing behind but what an open deploy request needs."""
        try:
            request = self._request()
            if request is None or request["state"] != "open":
                self._branch.delete()
        except ApiError as error:
            self.say(f"The branch {self.branch} may be left: {error}. The next `make migrate` takes it up.")
