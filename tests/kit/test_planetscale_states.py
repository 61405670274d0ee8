"""Each of the 20 states of a deploy request: how a run ends that meets it, with whose reason, and what helps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from kit.planetscale import states
from kit.planetscale.branches import Stopped
from planetscale_contract import contract
from planetscale_model import DeployRequest, Fault
from planetscale_scene import COLUMN, Scene
from planetscale_server import PlanetScale

CREATE = "POST /v1/organizations/my-org/databases/my-app/deploy-requests"


def goes_on(planetscale: PlanetScale, request: DeployRequest) -> None:
    """PlanetScale finishes by itself what it is at."""
    request.frozen = False


def corrected(planetscale: PlanetScale, request: DeployRequest) -> None:
    """Somebody corrects what the request ran into."""
    planetscale.check_errors = planetscale.deploy_errors = None


def nothing(planetscale: PlanetScale, request: DeployRequest) -> None:
    """The command is simply run again."""


def applied(planetscale: PlanetScale, request: DeployRequest) -> None:
    """`pscale deploy-request apply`"""
    request.frozen, request.auto_cutover = False, True


def approved(planetscale: PlanetScale, request: DeployRequest) -> None:
    """Somebody approves it."""
    request.frozen, request.approved = False, True


@dataclass
class Case:
    """What PlanetScale says in a state, what the run prints of it, and the next step."""

    reason: str
    next_step: str
    correct: Callable[[PlanetScale, DeployRequest], None]
    values: dict[str, Any]


def case(reason: str, next_step: str, correct: Callable[[PlanetScale, DeployRequest], None], **values: Any) -> Case:
    return Case(reason, next_step, correct, values)


LATER = "Continue later with: make migrate"
CANCELLED = "cancelled by Ada"
DUPLICATE = "Duplicate entry '7' for key 'title'"
WHOLE = f"messages: {DUPLICATE}  https://planetscale.com/docs/vitess/schema-changes/duplicate-entry"
CASES = {
    "pending": case("#1 is pending", LATER, goes_on),
    "ready": case("#1 is ready", "It has to be approved there. Then: make migrate", approved),
    "queued": case("behind deploy request #2, which is ", LATER, goes_on),
    "submitting": case("#1 is submitting", LATER, goes_on),
    "in_progress": case("#1 is in_progress, 40 % done", LATER, goes_on, progress=40),
    "in_progress_vschema": case("#1 is in_progress_vschema", LATER, goes_on),
    "in_progress_cutover": case("#1 is in_progress_cutover", LATER, goes_on),
    "in_progress_cancel": case("#1 is in_progress_cancel", LATER, goes_on),
    "in_progress_revert": case("#1 is in_progress_revert", LATER, goes_on),
    "in_progress_revert_vschema": case("#1 is in_progress_revert_vschema", LATER, goes_on),
    "pending_cutover": case(
        "#1 is pending_cutover",
        "deploy-request apply my-app 1 --org my-org. Then: make migrate",
        applied,
        auto_cutover=False,
    ),
    "error": case(
        "column text does not exist",
        "Correct the migrations, then: make migrate",
        corrected,
        check_errors="column text does not exist",
    ),
    "cancelled": case(CANCELLED, "If it may be deployed after all: make migrate", nothing, cancelled_by="Ada"),
    "complete_cancel": case(CANCELLED, "If it may be deployed after all: make migrate", nothing, cancelled_by="Ada"),
    "complete_error": case(WHOLE, "then: make migrate, which unblocks", corrected, deploy_errors=DUPLICATE),
    "complete_revert": case("closed by Ada", "If it may be deployed again: make migrate", nothing, closed_by="Ada"),
    "complete_revert_error": case(WHOLE, "then: make migrate, which unblocks", corrected, deploy_errors=DUPLICATE),
}
CLOSED = {"error", "cancelled", "complete_cancel", "complete_revert"}
SUCCESSES = {"no_changes", "complete", "complete_pending_revert"}


def test_every_state_of_the_contract_is_known_and_tested() -> None:
    assert set(states.STATES) == set(contract().deployment_states) == CASES.keys() | SUCCESSES
    assert len(contract().deployment_states) == 20


def reaching(state: str, values: dict[str, Any]) -> tuple[Scene, DeployRequest]:
    """A run whose deploy request is in this state, and stays there."""
    scene = Scene()
    scene.interrupted(CREATE)
    scene.planetscale.advance(30)
    request = scene.planetscale.requests[0]
    request.deployment_state, request.frozen = state, True
    for name, value in values.items():
        setattr(request, name, value)
    return scene, request


@pytest.mark.parametrize("acknowledged_state", ["complete", None])
@pytest.mark.parametrize("state", CASES)
def test_a_run_ends_with_planetscales_reason_and_a_next_step_that_helps(
    state: str, acknowledged_state: str | None
) -> None:
    expected = CASES[state]
    scene, request = reaching("in_progress", {})
    planetscale = scene.planetscale
    planetscale.acknowledged_state = acknowledged_state
    planetscale.settings["require_approval_for_deploy"] = state == "ready"
    if state == "queued":
        planetscale.add_branch("feature", theirs="int")
        planetscale.add_request("feature", "in_progress")
    looks: list[str] = []

    def arrive(method: str, path: str) -> None:
        """The run meets the state while it follows the request: at the start another one would be opened."""
        looks.append(path)
        if len([path for path in looks if path.endswith("/deploy-requests/1")]) == 3:
            request.deployment_state = state
            for name, value in expected.values.items():
                setattr(request, name, value)

    planetscale.before = arrive
    with pytest.raises(Stopped) as stopped:
        scene.run(wait_seconds=20)
    assert expected.reason in str(stopped.value)
    assert "https://app.planetscale.com/my-org/my-app/deploy-requests/1" in str(stopped.value)
    assert expected.next_step in str(stopped.value)
    assert not planetscale.live(COLUMN)
    assert request.state == ("closed" if state in CLOSED else "open")
    kept = "The branch kit-migrate-0002 is kept for deploy request #1." in scene.output
    assert kept == (state not in CLOSED | {"complete_error", "complete_revert_error"})
    assert len(scene.slept) < 12, "5 seconds each, for 20 seconds or less"
    planetscale.before = None
    expected.correct(planetscale, request)
    planetscale.advance(60)
    scene.run(skip_revert=True)
    assert planetscale.live(COLUMN)
    planetscale.advance(3600)
    assert [name for name in planetscale.left[0] if name != "feature"] == []
    assert [one.number for one in planetscale.requests if one.state == "open"] == []


@pytest.mark.parametrize("state", ["cancelled", "complete_cancel", "complete_error", "complete_revert_error", "error"])
@pytest.mark.parametrize("acknowledged_state", ["complete", None])
def test_a_request_that_failed_under_an_earlier_run_is_replaced(state: str, acknowledged_state: str | None) -> None:
    scene, _ = reaching(state, CASES[state].values)
    scene.planetscale.acknowledged_state = acknowledged_state
    scene.run()
    assert f"#1 is {state}" in scene.text
    assert CASES[state].reason in scene.text
    assert "It is replaced by a new one" in scene.text
    assert scene.planetscale.live(COLUMN)
    assert scene.planetscale.requests[0].state == "closed"


def test_an_acknowledged_failure_is_never_taken_for_a_deployment() -> None:
    scene, request = reaching("complete_error", {"deploy_errors": DUPLICATE})
    request.acknowledged, request.state, request.deployment_state = True, "closed", "complete"
    scene.run()
    assert len(scene.planetscale.requests) == 2
    assert scene.planetscale.live(COLUMN)


def test_a_failure_that_cannot_be_acknowledged_is_printed() -> None:
    scene, request = reaching("complete_error", {"deploy_errors": DUPLICATE})
    request.acknowledged = True
    scene.run()
    assert "The failure of deploy request #1 could not be acknowledged" in scene.text
    assert scene.planetscale.live(COLUMN)


def test_a_failure_whose_acknowledgement_failed_is_acknowledged_by_the_next_run() -> None:
    scene, _ = reaching("complete_error", {"deploy_errors": DUPLICATE})
    scene.planetscale.acknowledged_state = None

    def fail(method: str, path: str) -> None:
        if path.endswith("complete-deploy"):
            scene.planetscale.faults[len(scene.planetscale.seen) - 1] = Fault(500)

    scene.planetscale.before = fail
    with pytest.raises(Stopped, match="behind deploy request #1, which is complete_error"):
        scene.run()
    scene.planetscale.before = None
    scene.run()
    assert scene.planetscale.live(COLUMN)


def test_a_deploy_request_that_was_closed_is_replaced() -> None:
    scene, _ = reaching("ready", {"state": "closed", "closed_by": "Ada"})
    scene.run()
    assert "closed by Ada" in scene.text
    assert scene.planetscale.live(COLUMN)


def test_a_deploy_request_that_is_closed_meanwhile_ends_the_run() -> None:
    scene, request = reaching("pending", {})
    scene.planetscale.events.append((scene.planetscale.now + 10, lambda: setattr(request, "state", "closed")))
    with pytest.raises(Stopped, match=r"(?s)#1 is pending.*To deploy it again: make migrate"):
        scene.run()
    scene.run()
    assert scene.planetscale.live(COLUMN)


def test_a_paused_queue_is_printed_with_its_reason() -> None:
    scene, _ = reaching("queued", {"queue_pause_reason": "maintenance"})
    with pytest.raises(Stopped, match="the deploy queue is paused: maintenance"):
        scene.run(wait_seconds=10)


def test_a_failure_ahead_in_the_queue_ends_the_run_with_the_way_to_unblock_it() -> None:
    scene, _ = reaching("queued", {"frozen": False})
    scene.planetscale.add_branch("feature", theirs="int")
    scene.planetscale.add_request("feature", "complete_error", deploy_errors=DUPLICATE)
    with pytest.raises(Stopped, match="pscale deploy-request unblock my-app 2 --org my-org"):
        scene.run()
    scene.planetscale.requests[1].acknowledged = True
    scene.run()
    assert scene.planetscale.live(COLUMN)


@pytest.mark.parametrize("operation_state", ["error", "cancelled"])
def test_an_operation_that_failed_without_a_word_is_no_deployment(operation_state: str) -> None:
    request = contract().example(contract().operation("GET", "/deploy-requests/{number}").success[1])
    operation = {"table_name": "visits", "state": operation_state, "deploy_errors": None}
    request |= {"deployment_state": "complete"}
    request["deployment"] |= {"deploy_operations": [operation]}
    assert states.outcome(request) is states.Outcome.FAILED
    assert states.reasons(request) == [f"visits: the operation is {operation_state}"]


def test_a_state_that_is_not_known_yet_is_waited_for() -> None:
    request = {"deployment_state": "in_progress_tidying", "state": "open", "deployment": {"deploy_operations": []}}
    assert states.outcome(request) is states.Outcome.WAIT


@pytest.mark.parametrize("state", ["complete", "complete_pending_revert"])
def test_a_deployed_request_of_an_earlier_run_is_a_success(state: str) -> None:
    scene, request = reaching("in_progress", {})
    scene.planetscale.deploy(request)
    request.deployment_state = state
    scene.run()
    assert f"Deploy request #1 of an earlier run is {state}" in scene.text
    assert len(scene.planetscale.requests) == 1
