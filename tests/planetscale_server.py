"""A server that behaves like PlanetScale's API, the unpleasant parts included, on a clock that the test moves.

Shapes, fields and accesses come from PlanetScale's OpenAPI document (planetscale_contract.py); every answer is held
against it, and one that it refuses fails the test. Behaviour that the document does not have, with where it was recorded:

validation     a deploy right after `ready` gets 422 "currently validating": sluicesync/sluice, ADR-0162, live finding 4
settling       a branch cannot be deleted for a minute after its deployment: sluicesync/sluice, notes v0.99.256
stale bases    a new branch may lack what production has: sluicesync/sluice, ADR-0162, live finding 3
404            for what a token may not see: planetscale/cli, pull request 1067, internal/cmdutil/auth.go
queue          one deployment at a time, held by open revert windows and by failures until they are acknowledged:
               planetscale/cli, pull request 1351 and deployrequest/deploy.go; block/schemabot, pull request 6
gate           `pending_cutover` is passed through briefly with auto_cutover, and waits for a person without:
               sluicesync/sluice, internal/planetscale/expandcontract/deploy_state.go
revert window  30 minutes; alembic_version's rows reach production when it ends: PlanetScale's docs, deploy requests
lint errors    lint_error, keyspace_name, table_name, subject_type, error_description, docs_url: planetscale/cli,
               internal/planetscale/deploy_requests.go
rate limit     429 without Retry-After: planetscale.com/docs/api/reference/rate-limits
approvals      422 whose message has "approved": block/schemabot, pkg/engine/planetscale/planetscale.go

Not known, so a test can have either: what `complete-deploy` makes of a failed deployment (`acknowledged_state`), whether a
branch can be deleted while its deployment can be reverted (`window_holds_branch`), whether 403 or 404 is the answer to a
token without the access (`forbidden`).
"""

import copy
import functools
import json
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from kit.planetscale import transport
from planetscale_contract import contract

TOKEN = "id:token"
VALIDATING = "We're currently validating that these changes are safe to deploy. Please try again in a few moments."
SETTLING = "Branch cannot be deleted while a deployment is in progress"
ACCESSES = frozenset().union(*(operation.accesses for operation in contract().operations))
RUNNING = {"submitting", "in_progress", "in_progress_vschema", "pending_cutover", "in_progress_cutover"} | {
    "in_progress_cancel",
    "in_progress_revert",
    "in_progress_revert_vschema",
}
ERRORS = {"complete_error", "complete_revert_error"}

Tables = dict[str, dict[str, str]]
"""The definition of each column, by table."""


@dataclass
class Delays:
    """Seconds."""

    request: float = 0.2
    branch: float = 8
    schema: float = 7
    """After a branch is ready, until its schema is."""
    validation: float = 6
    check: float = 12
    """After `ready`, until it can really be deployed."""
    submitting: float = 2
    running: float = 20
    cutover: float = 3
    settling: float = 60
    window: float = 1800


@dataclass
class Fault:
    """What one request gets instead of its answer."""

    status: int = 503
    """0 cuts the connection."""
    headers: dict[str, str] = field(default_factory=dict)
    done: bool = False
    """Whether the request is carried out all the same."""
    short: bool = False
    """The answer is cut off in the middle."""


@dataclass
class Branch:
    """A branch of the database."""

    name: str
    tables: Tables
    versions: set[str]
    production: bool = False
    safe_migrations: bool = False
    protected: bool = False
    ready_at: float = -math.inf
    state: str = "ready"


@dataclass
class DeployRequest:
    """A deploy request and its deployment."""

    number: int
    source: Branch
    into: str
    notes: str = ""
    auto_cutover: bool = True
    auto_delete_branch: bool = False
    state: str = "open"
    deployment_state: str = "pending"
    since: float = 0
    approved: bool = False
    operations: list[dict[str, Any]] = field(default_factory=list)
    lint_errors: list[dict[str, str]] = field(default_factory=list)
    check_errors: str | None = None
    deploy_errors: str | None = None
    """Why the deployment fails, or failed."""
    validated_at: float = 0
    queued_at: float = 0
    deployed_at: float | None = None
    final_at: float = math.inf
    """When its revert window ends because somebody skipped it."""
    versions: set[str] = field(default_factory=set)
    acknowledged: bool = False
    cancelled_by: str | None = None
    closed_by: str | None = None
    progress: float | None = None
    queue_pause_reason: str | None = None
    frozen: bool = False
    """It stays in its state, for a test of that state."""

    @property
    def branch(self) -> str:
        """The name of its branch, of which there may be another one by now."""
        return self.source.name


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.body = status, {"code": code, "message": message}


NOT_FOUND = (404, "not_found", "Not Found")


class PlanetScale:
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
        """Where new passwords lead, in the fields of the answer: to a server of the test's, instead of nowhere."""
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
                and self._deletable(request.source)
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
                self._enter(request, "submitting")
            case "submitting" if elapsed >= delays.submitting:
                self._enter(request, "in_progress")
            case "in_progress" if elapsed >= delays.running:
                self._enter(request, "complete_error" if request.deploy_errors else "pending_cutover")
            case "in_progress_vschema" if elapsed >= delays.cutover:
                self._enter(request, "in_progress")
            case "pending_cutover" if request.auto_cutover and elapsed >= 1:
                self._enter(request, "in_progress_cutover")
            case "in_progress_cutover" if elapsed >= delays.cutover:
                self._deploy(request)
            case "complete_pending_revert" if elapsed >= delays.window or request.final_at <= self.now:
                self._finish(request)
            case "in_progress_cancel" if elapsed >= delays.cutover:
                self._enter(request, "complete_cancel")
            case "in_progress_revert_vschema" if elapsed >= delays.cutover:
                self._enter(request, "in_progress_revert")
            case "in_progress_revert" if elapsed >= delays.cutover:
                self._revert(request)
            case _:
                return False
        return True

    def _enter(self, request: DeployRequest, state: str) -> None:
        request.deployment_state, request.since = state, self.now

    def _validate(self, request: DeployRequest) -> None:
        target, branch = self.branches[request.into], request.source
        request.operations = [*difference(target.tables, branch.tables), *self.extra_operations]
        request.versions = set(branch.versions)
        request.validated_at = self.now + self.delays.check
        state = "error" if request.check_errors else "ready" if request.operations else "no_changes"
        self._enter(request, state)

    def _deploy(self, request: DeployRequest) -> None:
        apply(request.operations, self.branches[request.into].tables)
        self.deployed += 1
        request.state, request.deployed_at = "closed", self.now
        self._enter(request, "complete_pending_revert")

    def _finish(self, request: DeployRequest) -> None:
        self.branches[request.into].versions = set(request.versions)
        self._enter(request, "complete")

    def _revert(self, request: DeployRequest) -> None:
        apply([undone(operation) for operation in request.operations], self.branches[request.into].tables)
        self._enter(request, "complete_revert")

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

    def _deletable(self, branch: Branch) -> bool:
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
            self._deploy(request)
        elif state == "complete":
            self._deploy(request)
            self._finish(request)
        else:
            self._enter(request, state)
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

    # Requests and answers

    def transport(self, method: str, path: str, body: dict[str, Any] | None) -> transport.Response:
        """The server without a network, for the kit's client."""
        status, answer, headers, short = self.handle(method, f"/v1/{path}", json.loads(json.dumps(body or {})))
        data = json.dumps(answer).encode() if answer is not None else b""
        return transport.parsed(status, data[:-5] if short else data, headers.get("retry-after"))

    def handle(self, method: str, target: str, body: dict[str, Any]) -> tuple[int, Any, dict[str, str], bool]:
        """Answer a request: status, body, headers, and whether the body is cut off."""
        number = len(self.seen)
        self.seen.append(f"{method} {target}")
        self.advance(self.delays.request)
        self.times = [moment for moment in self.times if moment > self.now - 60] + [self.now]
        if self.before:
            self.before(method, target)
        if fault := self.faults.get(number):
            answer = self.answer(method, target, body) if fault.done or fault.short else None
            if fault.short and answer:
                return *answer, {}, True
            return fault.status, {"code": "internal", "message": "not now"}, fault.headers, False
        if len(self.times) > self.limit:
            return 429, {"code": "too_many_requests", "message": "Rate limit exceeded"}, {}, False
        return *self.answer(method, target, body), {}, False

    def answer(self, method: str, target: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Carry a request out; the answer is held against the contract."""
        parts = urlsplit(target)
        path, query = parts.path.removeprefix(self.base), dict(parse_qsl(parts.query))
        found = contract().match(method, path) if parts.path.startswith(self.base) else None
        if found is None:
            return 404, {"code": "not_found", "message": "Not Found"}
        operation, names = found
        self.calls.add((method, operation.path))
        if not operation.accesses & self.accesses:
            message = "Not Found" if self.forbidden == 404 else "Forbidden"
            return self.forbidden, {"code": message.lower().replace(" ", "_"), "message": message}
        if refusals := operation.request_refusals(body, query):
            return 422, {"code": "invalid_params", "message": "; ".join(refusals)}
        try:
            answer = self._handlers[method, operation.path](*map(unquote, names), query=query, body=body)
        except Refused as refusal:
            return refusal.status, refusal.body
        status, _ = operation.success
        refusals = operation.refusals(answer)
        assert not refusals, f"{method} {operation.path}: {refusals}"
        self.checked += 1
        return status, answer

    @functools.cached_property
    def _handlers(self) -> dict[tuple[str, str], Callable[..., Any]]:
        return {
            ("GET", ""): lambda **_: self._shape("GET", "", self.settings),
            ("GET", "/branches"): self._list_branches,
            ("POST", "/branches"): self._create_branch,
            ("GET", "/branches/{branch}"): lambda name, **_: self._branch_shape(self._branch(name)),
            ("DELETE", "/branches/{branch}"): self._delete_branch,
            ("GET", "/branches/{branch}/schema"): self._schema,
            ("GET", "/branches/{branch}/passwords"): self._list_passwords,
            ("POST", "/branches/{branch}/passwords"): self._create_password,
            ("DELETE", "/branches/{branch}/passwords/{id}"): self._delete_password,
            ("GET", "/deploy-requests"): self._list_requests,
            ("POST", "/deploy-requests"): self._create_request,
            ("GET", "/deploy-requests/{number}"): lambda number, **_: self._request_shape(self._request(number)),
            ("PATCH", "/deploy-requests/{number}"): self._close_request,
            ("POST", "/deploy-requests/{number}/deploy"): self._queue_request,
            ("POST", "/deploy-requests/{number}/complete-deploy"): self._acknowledge,
            ("POST", "/deploy-requests/{number}/skip-revert"): self._skip_revert,
        }

    def _shape(self, method: str, path: str, values: dict[str, Any]) -> dict[str, Any]:
        """An answer with every field that the contract requires, and these values."""
        blank: dict[str, Any] = contract().blank(method, path)
        return blank | values

    def _listed(self, path: str, items: list[Any], query: dict[str, str]) -> dict[str, Any]:
        page, size = int(query.get("page", 1)), min(int(query.get("per_page", 25)), 100)
        rest = items[page * size :]
        data = items[(page - 1) * size : page * size]
        return self._shape("GET", path, {"type": "list", "data": data, "next_page": page + 1 if rest else None})

    def _time(self, moment: float | None) -> str | None:
        return None if moment is None else (self.epoch + timedelta(seconds=moment)).isoformat().replace("+00:00", "Z")

    def _branch(self, name: str) -> Branch:
        if name not in self.branches:
            raise Refused(*NOT_FOUND)
        return self.branches[name]

    def _branch_shape(self, branch: Branch) -> dict[str, Any]:
        ready = self.now >= branch.ready_at
        values = {
            "name": branch.name,
            "production": branch.production,
            "safe_migrations": branch.safe_migrations,
            "deletion_protected": branch.protected,
            "ready": ready,
            "schema_ready": self.now >= branch.ready_at + self.delays.schema,
            "state": branch.state if ready else "pending",
        }
        return self._shape("GET", "/branches/{branch}", values)

    def _list_branches(self, query: dict[str, str], **_: Any) -> Any:
        return self._listed("/branches", [self._branch_shape(one) for one in self.branches.values()], query)

    def _create_branch(self, body: dict[str, Any], **_: Any) -> Any:
        name = body["name"]
        if name in self.branches:
            raise Refused(422, "unprocessable", "Name has already been taken")
        parent = self._branch(body.get("parent_branch", self.settings["default_branch"]))
        tables = copy.deepcopy(parent.tables)
        if self.stale:
            tables = self.stale.pop(0)(tables)
        self.branches[name] = Branch(name, tables, set(parent.versions), ready_at=self.now + self.delays.branch)
        return self._branch_shape(self.branches[name])

    def _delete_branch(self, name: str, **_: Any) -> None:
        branch = self._branch(name)
        if branch.production or branch.protected:
            raise Refused(403, "forbidden", "The branch is protected")
        if not self._deletable(branch):
            raise Refused(422, "unprocessable", SETTLING)
        self.remove_branch(name)

    def _schema(self, name: str, **_: Any) -> Any:
        branch = self._branch(name)
        if self.now < branch.ready_at + self.delays.schema and not branch.production:
            return {"data": []}
        return {
            "data": [
                {"name": table, "html": "", "raw": create_table(table, columns, rows=branch.production)}
                for table, columns in branch.tables.items()
            ]
        }

    def _list_passwords(self, name: str, query: dict[str, str], **_: Any) -> Any:
        theirs = [one for one in self.passwords.values() if one["branch"] == self._branch(name).name]
        return self._listed("/branches/{branch}/passwords", [self._password_shape(one) for one in theirs], query)

    def _password_shape(self, password: dict[str, Any], **shown: str) -> dict[str, Any]:
        values = {name: password[name] for name in ("id", "name", "role", "username")}
        values |= {"expires_at": self._time(password["expires"]), "ttl_seconds": password["ttl"]}
        return self._shape("POST", "/branches/{branch}/passwords", values | shown)

    def _create_password(self, name: str, body: dict[str, Any], **_: Any) -> Any:
        branch = self._branch(name)
        if branch.production and "connect_production_branch" not in self.accesses:
            raise Refused(*NOT_FOUND)
        number, ttl = len(self.seen), body.get("ttl")
        password = {"id": f"pw{number}", "branch": branch.name, "username": f"u/{number}", "ttl": ttl, "role": "admin"}
        password |= {"name": body.get("name", "x"), "expires": self.now + ttl if ttl else None} | self.leads_to
        self.passwords[password["id"]] = password
        shown = {"plain_text": "pscale_pw_@1", "access_host_url": "aws.connect.psdb.cloud"} | self.leads_to
        return self._password_shape(password, **shown)

    def _delete_password(self, name: str, identity: str, **_: Any) -> None:
        if self.passwords.get(identity, {}).get("branch") != self._branch(name).name:
            raise Refused(*NOT_FOUND)
        del self.passwords[identity]

    def _request(self, number: str) -> DeployRequest:
        if not number.isdecimal() or not 0 < int(number) <= len(self.requests):
            raise Refused(*NOT_FOUND)
        return self.requests[int(number) - 1]

    def _request_shape(self, request: DeployRequest) -> dict[str, Any]:
        shape = self._shape("GET", "/deploy-requests/{number}", {})
        actor = {"id": "a1", "display_name": request.cancelled_by or "", "avatar_url": ""}
        failed = request.deploy_errors if request.deployment_state in ERRORS or request.acknowledged else None
        deployment = shape["deployment"] | {
            "state": request.deployment_state,
            "auto_cutover": request.auto_cutover,
            "auto_delete_branch": request.auto_delete_branch,
            "deployable": request.deployment_state not in {"pending", "error"}
            and not request.lint_errors
            and (request.approved or not self.settings["require_approval_for_deploy"]),
            "deploy_check_errors": request.check_errors if request.deployment_state == "error" else None,
            "lint_errors": request.lint_errors if request.deployment_state != "pending" else [],
            "deploy_request_number": request.number,
            "deploy_operations": [
                self._operation_shape(one, failed) | {"progress_percentage": request.progress}
                for one in request.operations
            ],
            "queue_paused": request.queue_pause_reason is not None,
            "queue_pause_reason": request.queue_pause_reason,
            "cancelled_actor": actor if request.cancelled_by else None,
            "preceding_deployments": [
                {"deploy_request_number": other.number, "state": other.deployment_state}
                for other in self.ahead(request)
                if request.deployment_state == "queued"
            ],
        }
        return shape | {
            "number": request.number,
            "branch": request.branch,
            "branch_deleted": self.branches.get(request.branch) is not request.source,
            "into_branch": request.into,
            "approved": request.approved,
            "state": request.state,
            "deployment_state": request.deployment_state,
            "deployment": deployment,
            "notes": request.notes,
            "html_url": f"https://app.planetscale.com/my-org/my-app/deploy-requests/{request.number}",
            "closed_by": {"id": "a1", "display_name": request.closed_by, "avatar_url": ""}
            if request.closed_by
            else None,
        }

    def _operation_shape(self, operation: dict[str, Any], failed: str | None) -> dict[str, Any]:
        shown = {name: operation[name] for name in ("table_name", "ddl_statement", "can_drop_data")}
        docs = "https://planetscale.com/docs/vitess/schema-changes/duplicate-entry"
        errors = {"deploy_errors": failed, "deploy_error_docs_url": docs, "state": "error"} if failed else {}
        return blank_operation() | shown | {"operation_name": "alter"} | errors

    def _list_requests(self, query: dict[str, str], **_: Any) -> Any:
        chosen = [
            one
            for one in reversed(self.requests)
            if query.get("branch", one.branch) == one.branch
            and query.get("into_branch", one.into) == one.into
            and query.get("state", one.state) == one.state
        ]
        return self._listed("/deploy-requests", [self._request_shape(one) for one in chosen], query)

    def _create_request(self, body: dict[str, Any], **_: Any) -> Any:
        branch, into = self._branch(body["branch"]), self._branch(body["into_branch"])
        if not into.safe_migrations:
            raise Refused(422, "unprocessable", "Into branch must be a branch with safe migrations enabled")
        if any(one.source is branch and one.state == "open" for one in self.requests):
            raise Refused(422, "unprocessable", "There is already an open deploy request for this branch")
        request = DeployRequest(
            len(self.requests) + 1,
            branch,
            into.name,
            body.get("notes", ""),
            body.get("auto_cutover", True),
            body.get("auto_delete_branch", False),
            since=self.now,
            lint_errors=self.lint_errors,
            check_errors=self.check_errors,
            deploy_errors=self.deploy_errors,
        )
        self.requests.append(request)
        return self._request_shape(request)

    def _close_request(self, number: str, **_: Any) -> Any:
        request = self._request(number)
        if request.deployment_state in RUNNING | {"queued"}:
            raise Refused(422, "unprocessable", "Deploy request cannot be closed while it is deployed")
        request.state = "closed"
        return self._request_shape(request)

    def _queue_request(self, number: str, **_: Any) -> Any:
        request = self._request(number)
        if request.state != "open" or request.deployment_state != "ready":
            raise Refused(422, "unprocessable", f"Deploy request is {request.deployment_state}")
        if self.now < request.validated_at:
            raise Refused(422, "invalid_params", VALIDATING)
        if self.settings["require_approval_for_deploy"] and not request.approved:
            raise Refused(422, "unprocessable", "Deploy request must be approved before it can be deployed")
        request.queued_at = self.now
        self._enter(request, "queued")
        return self._request_shape(request)

    def _acknowledge(self, number: str, **_: Any) -> Any:
        request = self._request(number)
        if request.deployment_state not in ERRORS or request.acknowledged:
            raise Refused(422, "unprocessable", "Deployment has no error to complete")
        request.acknowledged, request.state, request.frozen = True, "closed", False
        if self.acknowledged_state:
            self._enter(request, self.acknowledged_state)
        return self._request_shape(request)

    def _skip_revert(self, number: str, **_: Any) -> Any:
        request = self._request(number)
        if request.deployment_state != "complete_pending_revert":
            raise Refused(422, "unprocessable", f"Deploy request is {request.deployment_state}")
        if request.final_at < math.inf:
            raise Refused(422, "unprocessable", "The revert is being skipped")
        request.final_at = self.now + self.delays.cutover
        return self._request_shape(request)


@functools.cache
def _operation_schema() -> dict[str, Any]:
    schema = contract().operation("GET", "/deploy-requests/{number}").success[1]
    for name in ("deployment", "deploy_operations"):
        schema = contract().resolved(schema)["properties"][name]
    return contract().resolved(schema["items"])


def blank_operation() -> dict[str, Any]:
    """The plainest operation of a deploy request."""
    operation: dict[str, Any] = contract().example(_operation_schema())
    return operation


def create_table(name: str, columns: dict[str, str], *, rows: bool) -> str:
    """A table as Vitess prints it; with rows in it there is a counter."""
    lines = [f"\t`{column}` {definition}" for column, definition in columns.items()]
    options = ["ENGINE InnoDB", *(["AUTO_INCREMENT 1201"] if rows else []), "CHARSET utf8mb4"]
    body = ",\n".join([*lines, "\tPRIMARY KEY (`id`)"])
    return f"CREATE TABLE `{name}` (\n{body}\n) " + ",\n  ".join(options)


def difference(before: Tables, after: Tables) -> list[dict[str, Any]]:
    """The operations from one schema to another."""
    operations = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, {}), after.get(name, {})
        added = {column: new[column] for column in new.keys() - old.keys()}
        dropped = {column: old[column] for column in old.keys() - new.keys()}
        if name not in after:
            statement = f"DROP TABLE `{name}`"
        elif name not in before:
            statement = create_table(name, new, rows=False)
        else:
            parts = [f"ADD COLUMN `{column}` {definition}" for column, definition in sorted(added.items())]
            parts += [f"DROP COLUMN `{column}`" for column in sorted(dropped)]
            statement = f"ALTER TABLE `{name}` {', '.join(parts)}"
        if added or dropped:
            operations.append(operation(name, statement, added, dropped))
    return operations


def operation(table: str, statement: str, added: dict[str, str], dropped: dict[str, str]) -> dict[str, Any]:
    """What a deploy request does to one table."""
    changes = {"added": added, "dropped": dropped}
    return {"table_name": table, "ddl_statement": statement, "can_drop_data": bool(dropped)} | changes


def undone(one: dict[str, Any]) -> dict[str, Any]:
    """The operation that takes another back."""
    return one | {"added": one["dropped"], "dropped": one["added"]}


def apply(operations: list[dict[str, Any]], tables: Tables) -> None:
    """Carry operations out."""
    for one in operations:
        columns = tables.setdefault(one["table_name"], {})
        columns |= one["added"]
        for column in one["dropped"]:
            columns.pop(column, None)
        if not columns:
            del tables[one["table_name"]]


def pscale(folder: Path, base: str) -> Path:
    """Write a program that stands in for PlanetScale's command line, which has a login; give its path."""
    program = folder / "pscale"
    program.write_text(
        f"#!{sys.executable}\n"
        "import sys, urllib.error, urllib.parse, urllib.request\n"
        "assert sys.argv[1:3] == ['api', '--method']\n"
        "method, path, rest = sys.argv[3], sys.argv[4], sys.argv[5:]\n"
        "pairs = [value.split('=', 1) for flag, value in zip(rest, rest[1:]) if flag == '--query']\n"
        "query = urllib.parse.urlencode(dict(pairs))\n"
        "data = sys.stdin.buffer.read() if '--input' in rest else None\n"
        f"url = '{base}/' + urllib.parse.quote(path) + ('?' + query if query else '')\n"
        f"request = urllib.request.Request(url, data, {{'authorization': '{TOKEN}'}}, method=method)\n"
        "try:\n"
        "    print(urllib.request.urlopen(request).read().decode())\n"
        "except urllib.error.HTTPError as error:\n"
        "    print(error.read().decode())\n"
        "    sys.exit(f'Error: HTTP {error.code} {error.reason}')\n"
    )
    program.chmod(0o755)
    return program


@contextmanager
def serve(planetscale: PlanetScale) -> Iterator[str]:
    """Serve it on a loopback port; gives the base of its addresses."""

    clock = [time.monotonic()]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            unauthorized = {"code": "unauthorized", "message": "Unauthorized"}
            status, answer, headers, short = 401, unauthorized, {}, False
            if self.headers["authorization"] == TOKEN:
                now = time.monotonic()
                planetscale.advance(now - clock.pop())  # for a client that sleeps by its own clock
                clock.append(now)
                status, answer, headers, short = planetscale.handle(self.command, self.path, body)
            if status == 0:
                return  # the connection is closed without an answer
            data = json.dumps(answer).encode() if answer is not None else b""
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[:-5] if short else data)

        do_POST = do_PATCH = do_DELETE = do_PUT = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
