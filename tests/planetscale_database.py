"""A PlanetScale database over time: its branches, and deploy requests that move through their states."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from planetscale_model import ACCESSES, ERRORS, RUNNING, Branch, Delays, DeployRequest, Fault
from planetscale_tables import Tables, apply, difference, undone


class Database:
    """One database of one organization."""

    def __init__(self, database: str = "my-app", delays: Delays | None = None) -> None:
        self.base = f"/v1/organizations/my-org/databases/{database}"
        self.delays = delays or Delays()
        self.now = 0.0
        self.epoch = datetime.now(UTC)
        self.settings: dict[str, Any] = {
            "name": database,
            "kind": "mysql",
            "default_branch": "main",
            "automatic_migrations": True,
            "migration_table_name": "alembic_version",
            "require_approval_for_deploy": False,
        }
        columns = {"id": "bigint unsigned NOT NULL AUTO_INCREMENT", "text": "varchar(280) NOT NULL"}
        main = Branch("main", {"messages": columns}, {"0001"}, production=True, safe_migrations=True)
        self.branches = {"main": main}
        self.requests: list[DeployRequest] = []
        self.passwords: dict[str, dict[str, Any]] = {}
        self.leads_to: dict[str, str] = {}
        """Where new passwords lead, in the fields of the response: to a server of the test's, instead of nowhere."""
        self.accesses: frozenset[str] = ACCESSES
        self.forbidden = 404
        self.acknowledged_state: str | None = "complete"
        self.window_holds_branch = False
        self.stale: list[Callable[[Tables], Tables]] = []
        """What the next new branches start from instead of production's tables."""
        self.extra_operations: list[dict[str, Any]] = []
        """What the next deploy request would do beyond what the schemas show."""
        self.lint_errors: list[dict[str, str]] = []
        self.check_errors: str | None = None
        self.deploy_errors: str | None = None
        """What the next deploy requests run into."""
        self.limit = 600
        self.faults: dict[int, Fault] = {}
        """By the number of the request."""
        self.events: list[tuple[float, Callable[[], None]]] = []
        """What others do, and when."""
        self.before: Callable[[str, str], None] | None = None
        """Called before each request is answered, with method and path."""
        self.seen: list[str] = []
        self.calls: set[tuple[str, str]] = set()
        """The operations that were called."""
        self.times: list[float] = []
        self.deployed = 0
        self.checked = 0
        """Answers that were held against the contract."""

    # The clock and what happens by itself

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + seconds
        while self.now < until:
            step = 10 if self.requests or self.events else seconds  # one state follows the other
            self.now = min(until, self.now + step)
            self.settle()
            for event in [one for one in self.events if one[0] <= self.now]:
                self.events.remove(event)
                event[1]()

    def settle(self) -> None:
        """Bring everything to where it is by now."""
        while any(self._step(request) for request in self.requests):
            pass
        for request in self.requests:
            there = self.branches.get(request.branch) is request.source
            if (
                there
                and request.auto_delete_branch
                and request.deployed_at is not None
                and self.deletable(request.source)
            ):
                self.remove_branch(request.branch)
        for identity, password in list(self.passwords.items()):
            if password["expires"] is not None and password["expires"] <= self.now:
                del self.passwords[identity]

    def _step(self, request: DeployRequest) -> bool:
        """Move a deploy request on by one state, if it is time; whether it was."""
        elapsed, delays = self.now - request.since, self.delays
        match request.deployment_state:
            case _ if request.frozen or (request.state == "closed" and request.deployed_at is None):
                return False
            case "pending" if elapsed >= delays.validation:
                self._validate(request)
            case "queued" if not self.ahead(request):
                self.enter(request, "submitting")
            case "submitting" if elapsed >= delays.submitting:
                self.enter(request, "in_progress")
            case "in_progress" if elapsed >= delays.running:
                self.enter(request, "complete_error" if request.deploy_errors else "pending_cutover")
            case "in_progress_vschema" if elapsed >= delays.cutover:
                self.enter(request, "in_progress")
            case "pending_cutover" if request.auto_cutover and elapsed >= 1:
                self.enter(request, "in_progress_cutover")
            case "in_progress_cutover" if elapsed >= delays.cutover:
                self.deploy(request)
            case "complete_pending_revert" if elapsed >= delays.window or request.final_at <= self.now:
                self._finish(request)
            case "in_progress_cancel" if elapsed >= delays.cutover:
                self.enter(request, "complete_cancel")
            case "in_progress_revert_vschema" if elapsed >= delays.cutover:
                self.enter(request, "in_progress_revert")
            case "in_progress_revert" if elapsed >= delays.cutover:
                self._revert(request)
            case _:
                return False
        return True

    def enter(self, request: DeployRequest, state: str) -> None:
        """Put a deploy request into a state."""
        request.deployment_state, request.since = state, self.now

    def _validate(self, request: DeployRequest) -> None:
        target, branch = self.branches[request.into], request.source
        request.operations = [*difference(target.tables, branch.tables), *self.extra_operations]
        request.versions = set(branch.versions)
        request.validated_at = self.now + self.delays.check
        state = "error" if request.check_errors else "ready" if request.operations else "no_changes"
        self.enter(request, state)

    def deploy(self, request: DeployRequest) -> None:
        """Apply the operations to the target branch."""
        apply(request.operations, self.branches[request.into].tables)
        self.deployed += 1
        request.state, request.deployed_at = "closed", self.now
        self.enter(request, "complete_pending_revert")

    def _finish(self, request: DeployRequest) -> None:
        self.branches[request.into].versions = set(request.versions)
        self.enter(request, "complete")

    def _revert(self, request: DeployRequest) -> None:
        apply([undone(operation) for operation in request.operations], self.branches[request.into].tables)
        self.enter(request, "complete_revert")

    def ahead(self, request: DeployRequest) -> list[DeployRequest]:
        """What is before a deployment in the queue, or blocks it."""
        return [
            other
            for other in self.requests
            if other is not request
            and other.into == request.into
            and (
                other.deployment_state in RUNNING | {"complete_pending_revert"}
                or (other.deployment_state == "queued" and other.queued_at < request.queued_at)
                or (other.deployment_state in ERRORS and not other.acknowledged)
            )
        ]

    def deletable(self, branch: Branch) -> bool:
        """Whether a branch is free of running and recent deployments."""
        theirs = [request for request in self.requests if request.source is branch]
        return not any(
            request.deployment_state in RUNNING | {"queued"}
            or (request.deployed_at is not None and self.now < request.deployed_at + self.delays.settling)
            or (self.window_holds_branch and request.deployment_state == "complete_pending_revert")
            for request in theirs
        )

    def remove_branch(self, name: str) -> None:
        """A branch goes with its passwords, and closes its open deploy requests."""
        branch = self.branches.pop(name)
        self.passwords = {key: one for key, one in self.passwords.items() if one["branch"] != name}
        for request in self.requests:
            if request.source is branch and request.deployment_state in {"pending", "ready", "error", "no_changes"}:
                request.state = "closed"

    # What other people do

    def add_branch(self, name: str, **columns: str) -> Branch:
        """Somebody's branch, with columns of their own in messages."""
        main = self.branches["main"]
        branch = Branch(name, copy.deepcopy(main.tables), set(main.versions))
        branch.tables["messages"] |= columns
        self.branches[name] = branch
        return branch

    def add_request(self, branch: str, deployment_state: str = "queued", **values: Any) -> DeployRequest:
        """Somebody's deploy request from a branch that exists, in any state."""
        state, source = deployment_state, self.branches[branch]
        request = DeployRequest(len(self.requests) + 1, source, "main", since=self.now, queued_at=self.now, **values)
        self.requests.append(request)
        self._validate(request)
        if state == "complete_pending_revert":
            self.deploy(request)
        elif state == "complete":
            self.deploy(request)
            self._finish(request)
        else:
            self.enter(request, state)
        return request

    def migrate(self, url: str, revision: str, column: str) -> None:
        """What Alembic does on a branch: add a column unless the revision is applied; fail if the column is there."""
        parts = urlsplit(url)
        user = unquote(parts.username or "")
        password = next(one for one in self.passwords.values() if one["username"] == user)
        branch = self.branches[password["branch"]]
        if revision in branch.versions:
            return
        if column in branch.tables["messages"]:
            raise ValueError(f"(1060, \"Duplicate column name '{column}'\")")
        branch.tables["messages"][column] = "varchar(80)"
        branch.versions = {revision}

    def live(self, column: str, branch: str = "main") -> bool:
        """Whether production has the column."""
        return column in self.branches[branch].tables["messages"]

    @property
    def left(self) -> tuple[list[str], list[str]]:
        """The branches beside production, and the passwords."""
        return sorted(name for name, one in self.branches.items() if not one.production), sorted(self.passwords)
