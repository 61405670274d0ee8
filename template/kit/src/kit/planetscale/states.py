"""What each state of a deploy request's deployment means, and what PlanetScale itself says about it.

Sources: the 20 states are `deployment_state` in PlanetScale's OpenAPI document; that a failed deployment or revert blocks
the queue until `complete-deploy` is planetscale/cli, pull request 1351; that `pending_cutover` waits for a person unless
`auto_cutover` is set is planetscale.com/docs/vitess/schema-changes/deploy-requests.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any


class Outcome(Enum):
    """What a state asks of us."""

    WAIT = auto()
    """PlanetScale is working."""
    DEPLOY = auto()
    """It can be deployed."""
    CONFIRM = auto()
    """A person confirms the cutover, unless it is automatic."""
    UNCHANGED = auto()
    """There is nothing to deploy."""
    REVERTIBLE = auto()
    """Deployed; for 30 minutes it can be reverted."""
    DEPLOYED = auto()
    FAILED = auto()


@dataclass(frozen=True)
class State:
    """A state's meaning; the next step of a failed one, with `{again}` for the command that continues."""

    outcome: Outcome
    next_step: str = ""
    blocks_queue: bool = False


_WAIT = State(Outcome.WAIT)
STATES = {
    "pending": _WAIT,
    "ready": State(Outcome.DEPLOY),
    "no_changes": State(Outcome.UNCHANGED),
    "queued": _WAIT,
    "submitting": _WAIT,
    "in_progress": _WAIT,
    "in_progress_vschema": _WAIT,
    "pending_cutover": State(Outcome.CONFIRM),
    "in_progress_cutover": _WAIT,
    "in_progress_cancel": _WAIT,
    "in_progress_revert": _WAIT,
    "in_progress_revert_vschema": _WAIT,
    "complete": State(Outcome.DEPLOYED),
    "complete_pending_revert": State(Outcome.REVERTIBLE),
    "error": State(Outcome.FAILED, "Correct the migrations, then: {again}"),
    "cancelled": State(Outcome.FAILED, "If it may be deployed after all: {again}"),
    "complete_cancel": State(Outcome.FAILED, "If it may be deployed after all: {again}"),
    "complete_revert": State(Outcome.FAILED, "If it may be deployed again: {again}"),
    "complete_error": State(
        Outcome.FAILED,
        "It blocks the deploy queue. Correct what it says, then: {again}, which unblocks the queue and starts again",
        blocks_queue=True,
    ),
    "complete_revert_error": State(
        Outcome.FAILED,
        "It blocks the deploy queue. See what the schema of production is now, then: {again}, which unblocks the queue "
        "and starts again",
        blocks_queue=True,
    ),
}


def outcome(request: dict[str, Any]) -> Outcome:
    """What a deploy request asks of us now. A state that is not known yet is waited for."""
    state = STATES.get(request["deployment_state"], _WAIT).outcome
    if state is Outcome.CONFIRM and request["deployment"]["auto_cutover"]:
        return Outcome.WAIT
    if state in {Outcome.DEPLOYED, Outcome.REVERTIBLE} and _failed_operations(request):
        return Outcome.FAILED  # an error that was acknowledged with `complete-deploy` is no deployment
    if state in {Outcome.WAIT, Outcome.DEPLOY} and not started(request) and request["state"] == "closed":
        return Outcome.FAILED
    if state is Outcome.DEPLOY and not request["deployment"]["deployable"] and not lint_errors(request):
        return Outcome.WAIT
    return state


def started(request: dict[str, Any]) -> bool:
    """Whether the deployment is past the states in which it waits to be started."""
    return request["deployment_state"] not in {"pending", "ready"}


def in_flight(request: dict[str, Any]) -> bool:
    """Whether a deployment is queued or running, so that the schema it deploys into is about to change."""
    return started(request) and outcome(request) in {Outcome.WAIT, Outcome.CONFIRM}


def blocks_queue(deployment_state: str) -> bool:
    """Whether a deployment in this state lets no other one through until it is acknowledged."""
    return STATES.get(deployment_state, _WAIT).blocks_queue


def next_step(request: dict[str, Any], again: str) -> str:
    """How to go on after a failed deploy request."""
    step = STATES.get(request["deployment_state"], _WAIT).next_step or "To deploy it again: {again}"
    return step.format(again=again)


def lint_errors(request: dict[str, Any]) -> list[str]:
    """The schema lint errors, as `pscale` names their fields (planetscale/cli, DeploymentLintError)."""
    return [
        "  ".join(str(error[field]) for field in ("lint_error", "error_description", "docs_url") if error.get(field))
        for error in request["deployment"].get("lint_errors") or []
    ]


def reasons(request: dict[str, Any]) -> list[str]:
    """Why it is in its state: everything that PlanetScale says about it."""
    deployment = request["deployment"]
    lines = lint_errors(request)
    if errors := deployment.get("deploy_check_errors"):
        lines.append(str(errors))
    for operation in _failed_operations(request):
        error = operation.get("deploy_errors") or f"the operation is {operation['state']}"
        lines.append(f"{operation['table_name']}: {error}  {operation.get('deploy_error_docs_url') or ''}".rstrip())
    for role, actor in (("cancelled", deployment.get("cancelled_actor")), ("closed", request.get("closed_by"))):
        if actor and not lines:
            lines.append(f"{role} by {actor['display_name']}")
    for other in deployment.get("preceding_deployments") or []:
        lines.append(f"behind deploy request #{other.get('deploy_request_number')}, which is {other.get('state')}")
    if deployment.get("queue_paused"):
        lines.append(f"the deploy queue is paused: {deployment.get('queue_pause_reason') or 'no reason given'}")
    return lines


def _failed_operations(request: dict[str, Any]) -> list[dict[str, Any]]:
    operations = request["deployment"].get("deploy_operations") or []
    return [one for one in operations if one.get("deploy_errors") or one["state"] in {"error", "cancelled"}]


def describe(request: dict[str, Any]) -> str:
    """The deploy request with its state, its progress, PlanetScale's reasons and its address."""
    operations = request["deployment"].get("deploy_operations") or []
    progress = [one["progress_percentage"] for one in operations if one.get("progress_percentage") is not None]
    percent = f", {min(progress):.0f} % done" if progress and outcome(request) is Outcome.WAIT else ""
    lines = [f"Deploy request #{request['number']} is {request['deployment_state']}{percent}: {request['html_url']}"]
    return "\n  ".join([*lines, *reasons(request)])
