"""Bringing a PlanetScale database to the newest schema, step by step, without ever touching production directly.

The development branch is named after the newest migration, so a later run recognizes what an earlier one left: a deploy
request is continued from its state, a branch without one is created again. However a run ends, its password is deleted
(and expires after 30 minutes at the latest); its branch too, unless an open deploy request still needs it.
Source: planetscale.com/docs/vitess/schema-changes/deploy-requests
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kit.planetscale import production, schema, states
from kit.planetscale.branches import POLL_SECONDS, Branch, Patience, Stopped
from kit.planetscale.client import Api, ApiError, NotFound, Unsure
from kit.planetscale.production import Target
from kit.planetscale.project import Project
from kit.planetscale.states import Outcome

PREFIX = "kit-migrate-"
PASSWORD = "kit-migrate"  # noqa: S105  # its name
PASSWORD_SECONDS = 1800
FRESH_TRIES = 3
"""Branches created until one has production's schema; why one does not is unknown (sluicesync/sluice, ADR-0162)."""


@dataclass
class Deploy:
    """One run. `migrate` gets the URL of the development branch; `say` gets a line for each step and remark.

    `into` is the branch to deploy into, by default the database's default branch.
    """

    project: Project
    api: Api
    newest: str
    migrate: Callable[[str], None]
    say: Callable[[str], None]
    into: str | None = None
    skip_revert: bool = False
    wait_seconds: float = 3600
    sleep: Callable[[float], None] = time.sleep
    target: Target = field(init=False, repr=False)
    base: schema.Tables = field(default_factory=dict, init=False)
    """Production's tables when the development branch was created."""
    acknowledged: set[int] = field(default_factory=set, init=False)
    """The failed deploy requests that this run tried to acknowledge."""
    skipped: set[int] = field(default_factory=set, init=False)
    """The deploy requests whose revert window this run has asked to skip."""

    @property
    def branch(self) -> str:
        """The development branch's name."""
        return f"{PREFIX}{self.newest}"

    @property
    def again(self) -> str:
        """The command that continues."""
        return f"make migrate INTO={self.into}" if self.into else "make migrate"

    @property
    def _branch(self) -> Branch:
        return Branch(self.project, self.api, self.branch, self._patience)

    @property
    def _patience(self) -> Patience:
        return Patience(self.again, self.wait_seconds, self.sleep)

    def plan(self) -> list[tuple[str, Callable[[], None]]]:
        """The steps in their order: what is printed, and what is done."""
        window = "Skip the 30 minutes" if self.skip_revert else "Keep the 30 minutes"
        into = self.into or "the default branch"
        return [
            (f"Wait until nothing else is being deployed into {into} of {self.project}", self._wait_for_queue),
            (
                f"Create the branch {self.branch} from {into}, and see that both have the same schema",
                self._create_branch,
            ),
            (f"Migrate the branch to {self.newest}, with a password that expires after 30 minutes", self._migrate),
            (f"Open a deploy request into {into}", self._open),
            (
                f"Deploy it, if it changes what the migrations change. {window} in which it can be reverted",
                self._follow,
            ),
            (f"Delete the branch {self.branch}", self._finish),
        ]

    def dry_run(self) -> None:
        """Print the steps, and do nothing."""
        for number, (title, _) in enumerate(self.plan(), 1):
            self.say(f"{number}. {title}.")

    def run(self) -> None:
        """Do the steps; raises `UsageError` or `ApiError`. Run it again to continue where it stopped."""
        self.target = production.target(self.api, self.project, self.into)
        try:
            request = self._latest()
            if request and self._resumable(request):
                self.say(f"Deploy request #{request['number']} of an earlier run is {request['deployment_state']}.")
                self._follow()
                self._finish()
                return
            if request:
                self._discard(request)
            for number, (title, act) in enumerate(self.plan(), 1):
                self.say(f"{number}. {title}.")
                act()
        except BaseException as error:
            self._clean_up(error)
            raise

    # Deploy requests of earlier runs and of others

    def _latest(self) -> dict[str, Any] | None:
        """The newest deploy request of the development branch."""
        numbers = [one["number"] for one in self._requests(branch=self.branch)]
        return self._get(max(numbers)) if numbers else None

    def _requests(self, **query: str) -> list[dict[str, Any]]:
        return list(self.api.items("deploy-requests", into_branch=self.target.branch, **query))

    def _get(self, number: int) -> dict[str, Any]:
        request: dict[str, Any] = self.api.get("deploy-requests/{}", number)
        return request

    def _resumable(self, request: dict[str, Any]) -> bool:
        """Whether it is deployed, is being deployed, or may still be deployed as the earlier run checked it."""
        outcome = states.outcome(request)
        if outcome in {Outcome.DEPLOYED, Outcome.REVERTIBLE} or states.in_flight(request):
            return True
        return outcome in {Outcome.WAIT, Outcome.DEPLOY} and self._drifted(request, self._tables()) is None

    def _discard(self, request: dict[str, Any]) -> None:
        """Take an earlier deploy request out of the way; `_wait_for_queue` acknowledges one that failed."""
        self.say(f"{states.describe(request)}\n  It is replaced by a new one.")
        self._close(request)

    def _unblock(self, number: int) -> None:
        """Acknowledge that a deployment or revert of ours failed, so that the queue moves on; tried once in a run."""
        self.acknowledged.add(number)
        try:
            self.api.post("deploy-requests/{}/complete-deploy", number)
            self.say(f"The failure of deploy request #{number} is acknowledged, so that it blocks the queue no longer.")
        except ApiError as error:
            self.say(f"The failure of deploy request #{number} could not be acknowledged: {error}")

    def _close(self, request: dict[str, Any]) -> None:
        if request["state"] != "open":
            return
        try:
            self.api.patch("deploy-requests/{}", request["number"], state="closed")
        except ApiError as error:
            self.say(f"Deploy request #{request['number']} could not be closed: {error}")

    def _wait_for_queue(self) -> None:
        """Let other deployments finish first: a branch created meanwhile would be older than production."""

        def pending() -> str | None:
            requests = self._requests()
            failed = [
                one["number"] for one in requests if self._is_ours(one) and states.blocks_queue(one["deployment_state"])
            ]
            for number in failed:  # first, because others may be waiting behind it
                if number not in self.acknowledged:
                    self._unblock(number)
            for one in requests:
                state = one["deployment_state"]
                if one["branch"] == self.branch or one["number"] in failed:
                    continue
                if state == "complete_pending_revert":
                    if reason := self._end_window(one["number"], self._is_ours(one)):
                        return reason
                elif states.started(one) and states.in_flight(request := self._get(one["number"])):
                    if states.outcome(request) is Outcome.CONFIRM:
                        raise Stopped(f"{self._needs_confirmation(request)}. Then: {self.again}")
                    return states.describe(request)
            return None

        self._patience.until(pending, f"earlier deployments into {self.target.branch}")
        self._mention_leftovers()

    @staticmethod
    def _is_ours(request: dict[str, Any]) -> bool:
        """Whether a run of this command opened it."""
        branch: str = request["branch"]
        return branch.startswith(PREFIX)

    def _end_window(self, number: int, ours: bool) -> str | None:
        """Finish an earlier deployment that can still be reverted, or say that it has to be finished.

        Until then PlanetScale deploys nothing else, and production does not count the migrations as applied.
        """
        if not (ours and self.skip_revert):
            skip = (
                f"{self.again} SKIP_REVERT=1"
                if ours
                else f"pscale deploy-request skip-revert {self.project.database} {number} --org {self.project.organization}"
            )
            raise Stopped(
                f"Deploy request #{number} can still be reverted, and until then PlanetScale deploys nothing else. Wait "
                f"until its 30 minutes have passed, or make it final: {skip}"
            )
        return self._skip_revert(number)

    def _mention_leftovers(self) -> None:
        """Delete branches of earlier runs whose deploy request is over; name those that may be in use."""
        requests = self._requests()
        for name in sorted(one["name"] for one in self.api.items("branches") if not one["production"]):
            if not name.startswith(PREFIX) or name == self.branch:
                continue
            theirs = [one for one in requests if one["branch"] == name]
            if open_ones := [one["number"] for one in theirs if one["state"] == "open"]:
                self.say(f"Deploy request #{open_ones[0]} of the branch {name} is open. If nothing needs it, close it.")
            elif theirs:
                self._delete_branch(Branch(self.project, self.api, name, self._patience))
            else:
                self.say(f"The branch {name} has no deploy request. If no other run is using it, delete it.")

    # The steps

    def _create_branch(self) -> None:
        for attempt in range(FRESH_TRIES):
            self._branch.delete_and_wait()  # an earlier run may have migrated it in part
            self._branch.create(self.target.branch)
            self.base = schema.read(self.api, self.target.branch)
            lines = schema.differences(self.base, schema.read(self.api, self.branch))
            if not lines:
                return
            self.say(f"The new branch does not have the schema of {self.target.branch}: {'; '.join(lines)}")
            self.sleep(POLL_SECONDS * 4**attempt)
        raise Stopped(
            f"PlanetScale created the branch {self.branch} with another schema than {self.target.branch} has, "
            f"{FRESH_TRIES} times. Deploying from it would do this to {self.target.branch}:\n  "
            + "\n  ".join(lines)
            + "\nNothing was deployed. Refresh what PlanetScale knows of the schema, then run it again:\n"
            f"  pscale branch refresh-schema {self.project.database} {self.target.branch} "
            f"--org {self.project.organization}\n  {self.again}"
        )

    def _migrate(self) -> None:
        url = self._branch.new_url(PASSWORD, PASSWORD_SECONDS)
        try:
            self.migrate(url)
        finally:
            try:
                self._branch.delete_passwords(PASSWORD)
            except ApiError as error:
                self.say(f"The password of the branch {self.branch} expires by itself after 30 minutes: {error}")

    def _open(self) -> None:
        record = self._record(self.base, schema.read(self.api, self.branch))

        def create() -> Any:
            return self.api.post(
                "deploy-requests",
                branch=self.branch,
                into_branch=self.target.branch,
                notes=f"Migrate to {self.newest}\n\n{record}",
                auto_cutover=True,
                auto_delete_branch=True,
            )

        def pending() -> str | None:
            try:
                self._patience.ensure(self._open_request, create)
            except ApiError as error:
                if not _busy(error):
                    raise
                return error.reason
            return None

        self._patience.until(pending, f"what it does with the branch {self.branch}")

    def _open_request(self) -> Any:
        request = self._latest()
        return request if request and request["state"] == "open" else None

    def _follow(self) -> None:
        """Do what each state of the deploy request asks for, until it is deployed."""
        latest = self._latest()
        if latest is None:
            raise Stopped(f"The deploy request of {self.branch} is gone. Begin again with: {self.again}")
        number, waited, last_state = latest["number"], 0.0, ""
        while True:
            request = self._get(number)
            if request["deployment_state"] != last_state:
                last_state = request["deployment_state"]
                self.say(states.describe(request))
            if self._done(request):
                return
            if waited >= self.wait_seconds:
                raise Stopped(
                    f"{states.describe(request)}\nIt goes on at PlanetScale. Continue later with: {self.again}"
                )
            self.sleep(POLL_SECONDS)
            waited += POLL_SECONDS

    def _done(self, request: dict[str, Any]) -> bool:
        """Whether the deploy request has reached its end; does what its state asks for. Raises `Stopped`."""
        match states.outcome(request):
            case Outcome.DEPLOYED:
                return True
            case Outcome.REVERTIBLE:
                return not self.skip_revert or self._make_final(request["number"])
            case Outcome.UNCHANGED:
                self._close(request)
                self.say(f"{self.target.branch} has this schema already.")
                return True
            case Outcome.DEPLOY:
                self._deploy(request)
            case Outcome.CONFIRM:
                raise Stopped(f"{self._needs_confirmation(request)}. Then: {self.again}")
            case Outcome.FAILED:
                self._fail(request)
            case Outcome.WAIT:
                self._check_waiting(request)
        return False

    def _make_final(self, number: int) -> bool:
        """Skip the revert window; False when it ended otherwise. The schema is live, so what fails here is a remark."""
        try:
            self._patience.until(lambda: self._skip_revert(number), f"the revert window of deploy request #{number}")
            return states.outcome(self._get(number)) is Outcome.DEPLOYED
        except (ApiError, Stopped) as error:
            self.say(f"The schema is deployed, but it can still be reverted: {error}")
            return True

    def _skip_revert(self, number: int) -> str | None:
        """Ask once to skip the revert window; None when it is over."""
        if self._get(number)["deployment_state"] != "complete_pending_revert":
            return None
        if number not in self.skipped and self._act(number, "skip-revert", "complete_pending_revert"):
            self.skipped.add(number)
        return f"deploy request #{number} can still be reverted"

    def _check_waiting(self, request: dict[str, Any]) -> None:
        """Stop waiting for what does not happen by itself."""
        if request["deployment_state"] == "ready" and self.target.approval and not request["approved"]:
            raise Stopped(f"{states.describe(request)}\nIt has to be approved there. Then: {self.again}")
        for other in request["deployment"].get("preceding_deployments") or []:
            if states.blocks_queue(str(other.get("state"))):
                number = int(other["deploy_request_number"])
                if number not in self.acknowledged and self._is_ours(self._get(number)):
                    return self._unblock(number)
                raise Stopped(
                    f"{states.describe(request)}\nThat one failed and blocks the deploy queue. See why, then unblock it:\n"
                    f"  pscale deploy-request unblock {self.project.database} {number} --org {self.project.organization}\n"
                    f"  {self.again}"
                )

    def _needs_confirmation(self, request: dict[str, Any]) -> str:
        number = request["number"]
        return (
            f"{states.describe(request)}\nSomebody turned its automatic cutover off, so it waits to be applied: "
            f"pscale deploy-request apply {self.project.database} {number} --org {self.project.organization}"
        )

    def _deploy(self, request: dict[str, Any]) -> None:
        if states.lint_errors(request):
            self._refuse(request, f"{states.describe(request)}\nCorrect the migrations, then: {self.again}")
        tables = self._tables()
        if drift := self._drifted(request, tables):
            self._refuse(request, f"Deploy request #{request['number']}: {drift}. Begin again with: {self.again}")
        operations = request["deployment"]["deploy_operations"]
        if statements := schema.unexpected(operations, *tables):
            self._refuse(
                request,
                f"Deploy request #{request['number']} would do what no migration does:\n  "
                + "\n  ".join(statements)
                + f"\nIts branch may be older than {self.target.branch}. Begin again with: {self.again}",
            )
        for statement in schema.dropping(operations):
            self.say(f"This drops data, as the migrations say: {statement}")
        try:
            self._act(request["number"], "deploy", "ready")
        except NotFound:
            raise
        except ApiError as error:
            raise Stopped(
                f"PlanetScale did not deploy request #{request['number']}: {error.reason}\n"
                f"If it has to be approved, approve it: {request['html_url']}\nThen: {self.again}"
            ) from error

    def _act(self, number: int, action: str, state: str) -> bool:
        """Post an action on a deploy request that was in `state`; whether it need not be posted again.

        Between our look and our call the state may have changed, by itself or by a person's hand, and PlanetScale may
        still be validating a request that is ready (sluicesync/sluice, ADR-0162, live finding 4). Then the next look
        tells what to do. Raises `ApiError` when the action is refused for good.
        """
        try:
            self.api.post(f"deploy-requests/{{}}/{action}", number)
        except Unsure:
            return False
        except ApiError as error:
            if not _busy(error) and self._get(number)["deployment_state"] == state:
                raise
            return False
        return True

    def _refuse(self, request: dict[str, Any], message: str) -> None:
        """Close a deploy request that must not be deployed."""
        self._close(request)
        raise Stopped(message)

    def _fail(self, request: dict[str, Any]) -> None:
        if not states.blocks_queue(request["deployment_state"]):
            self._close(request)
        raise Stopped(f"{states.describe(request)}\n{states.next_step(request, self.again)}")

    def _record(self, base: schema.Tables, branch: schema.Tables) -> str:
        """What the deploy request's notes keep for a later run: that the branch was checked, and with which schemas."""
        return f"Checked by kit migrate: {schema.fingerprint(base)} to {schema.fingerprint(branch)}"

    def _tables(self) -> tuple[schema.Tables, schema.Tables]:
        """The tables of the target and of the development branch, which has none once it is gone."""
        there = self._branch.find() is not None
        return schema.read(self.api, self.target.branch), schema.read(self.api, self.branch) if there else {}

    def _drifted(self, request: dict[str, Any], tables: tuple[schema.Tables, schema.Tables]) -> str | None:
        """Why the deploy request is no longer what was checked, or None."""
        if self._record(*tables) in request["notes"]:
            return None
        return f"the schema of {self.target.branch} or of {self.branch} changed since the branch was migrated"

    # The end

    def _finish(self) -> None:
        """Delete the branch. The schema is live, so what fails here is a remark."""
        self._delete_branch(self._branch)

    def _delete_branch(self, branch: Branch) -> None:
        try:
            if reason := branch.delete():
                self.say(f"The branch {branch.name} stays until PlanetScale deletes it after the deployment: {reason}")
        except (ApiError, Stopped) as error:
            self.say(f"The branch {branch.name} may still exist: {error}")

    def _clean_up(self, error: BaseException) -> None:
        """Leave nothing behind but what an open deploy request needs, and name that."""
        if isinstance(error, Unsure):
            self.say(f"The branch {self.branch} and its deploy request may exist. The next `{self.again}` continues.")
            return
        try:
            request = self._latest()
            if request and request["state"] == "open" and states.outcome(request) is not Outcome.FAILED:
                self.say(f"The branch {self.branch} is kept for deploy request #{request['number']}.")
            else:
                self._delete_branch(self._branch)
        except ApiError as problem:
            self.say(f"The branch {self.branch} and its deploy request may exist: {problem}")


def _busy(error: ApiError) -> bool:
    """Whether PlanetScale refuses only until it has finished something else."""
    return error.status == 422 and any(words in error.reason.lower() for words in ("try again", "in progress"))
