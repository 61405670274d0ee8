"""A server that behaves like PlanetScale's API, the unpleasant parts included, on a clock that the test moves.

Shapes, fields and accesses come from PlanetScale's OpenAPI document (planetscale_contract.py); every response is held
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
branch can be deleted while its deployment can be reverted (`window_holds_branch`), whether 403 or 404 is the response to a
token without the access (`forbidden`).
"""

import copy
import functools
import json
import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from kit.planetscale import transport
from planetscale_contract import contract
from planetscale_database import Database
from planetscale_model import ERRORS, NOT_FOUND, RUNNING, SETTLING, VALIDATING, Branch, DeployRequest, Refused
from planetscale_tables import blank_operation, create_table


class PlanetScale(Database):
    """The API of one database of one organization."""

    def transport(self, method: str, path: str, body: dict[str, Any] | None) -> transport.Response:
        """The server without a network, for the kit's client."""
        status, response, headers, short = self.handle(method, f"/v1/{path}", json.loads(json.dumps(body or {})))
        data = json.dumps(response).encode() if response is not None else b""
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
            response = self.respond(method, target, body) if fault.done or fault.short else None
            if fault.short and response:
                return *response, {}, True
            return fault.status, {"code": "internal", "message": "not now"}, fault.headers, False
        if len(self.times) > self.limit:
            return 429, {"code": "too_many_requests", "message": "Rate limit exceeded"}, {}, False
        return *self.respond(method, target, body), {}, False

    def respond(self, method: str, target: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Carry a request out; the response is held against the contract."""
        parts = urlsplit(target)
        path, query = parts.path.removeprefix(self.base), dict(parse_qsl(parts.query))
        matched = contract().match(method, path) if parts.path.startswith(self.base) else None
        if matched is None:
            return 404, {"code": "not_found", "message": "Not Found"}
        operation, names = matched
        self.calls.add((method, operation.path))
        if not operation.accesses & self.accesses:
            message = "Not Found" if self.forbidden == 404 else "Forbidden"
            return self.forbidden, {"code": message.lower().replace(" ", "_"), "message": message}
        if refusals := operation.request_refusals(body, query):
            return 422, {"code": "invalid_params", "message": "; ".join(refusals)}
        try:
            response = self._handlers[method, operation.path](*map(unquote, names), query=query, body=body)
        except Refused as refusal:
            return refusal.status, refusal.body
        status, _ = operation.success
        refusals = operation.refusals(response)
        assert not refusals, f"{method} {operation.path}: {refusals}"
        self.checked += 1
        return status, response

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
        """An response with every field that the contract requires, and these values."""
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
        if not self.deletable(branch):
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
        self.enter(request, "queued")
        return self._request_shape(request)

    def _acknowledge(self, number: str, **_: Any) -> Any:
        request = self._request(number)
        if request.deployment_state not in ERRORS or request.acknowledged:
            raise Refused(422, "unprocessable", "Deployment has no error to complete")
        request.acknowledged, request.state, request.frozen = True, "closed", False
        if self.acknowledged_state:
            self.enter(request, self.acknowledged_state)
        return self._request_shape(request)

    def _skip_revert(self, number: str, **_: Any) -> Any:
        request = self._request(number)
        if request.deployment_state != "complete_pending_revert":
            raise Refused(422, "unprocessable", f"Deploy request is {request.deployment_state}")
        if request.final_at < math.inf:
            raise Refused(422, "unprocessable", "The revert is being skipped")
        request.final_at = self.now + self.delays.cutover
        return self._request_shape(request)
