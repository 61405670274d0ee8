"""The branches, deploy requests and failures of the simulated PlanetScale."""

import math
from dataclasses import dataclass, field
from typing import Any

from planetscale_contract import contract
from planetscale_tables import Tables

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
    """What one request gets instead of its response."""

    status: int = 503
    """0 cuts the connection."""
    headers: dict[str, str] = field(default_factory=dict)
    done: bool = False
    """Whether the request is carried out all the same."""
    short: bool = False
    """The response is cut off in the middle."""


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
    """An response that is no success."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.body = status, {"code": code, "message": message}


NOT_FOUND = (404, "not_found", "Not Found")
