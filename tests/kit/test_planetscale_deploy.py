"""`make migrate` on PlanetScale: the deploy-request flow, against a server as unpleasant as the service."""

from typing import Any

import pytest

from kit.errors import UsageError
from kit.planetscale import client, project, transport
from kit.planetscale.branches import Stopped
from kit.planetscale.client import ApiError, NotFound, Unsure
from planetscale_model import ACCESSES, SETTLING, VALIDATING, Delays, Fault
from planetscale_scene import COLUMN, Killed, Scene
from planetscale_server import PlanetScale
from planetscale_tables import operation

CREATE = "POST /v1/organizations/my-org/databases/my-app/deploy-requests"


@pytest.fixture
def scene() -> Scene:
    """A database with the migration 0001."""
    return Scene()


def settled(scene: Scene) -> tuple[list[str], list[str]]:
    """The branches beside production and the passwords that are left after an hour."""
    scene.planetscale.advance(3600)
    return scene.planetscale.left


def test_a_change_is_deployed_and_nothing_is_left(scene: Scene) -> None:
    scene.run()
    assert scene.planetscale.live(COLUMN)
    [url] = scene.urls
    assert url.startswith("mysql://u%2F")
    assert url.endswith(":pscale_pw_%401@aws.connect.psdb.cloud/my-app")
    assert scene.planetscale.requests[0].deployment_state == "complete_pending_revert"
    assert [line[0] for line in scene.output if line[1:3] == ". "] == ["1", "2", "3", "4", "5", "6"]
    assert [line.partition(":")[0] for line in scene.output if line.startswith("Deploy request")] == [
        f"Deploy request #1 is {state}"
        for state in ("pending", "ready", "submitting", "in_progress", "pending_cutover", "in_progress_cutover")
    ] + ["Deploy request #1 is complete_pending_revert"]
    assert len([line for line in scene.planetscale.seen if line.startswith("POST") and line.endswith("/branches")]) == 1
    assert settled(scene) == ([], [])


def test_the_branch_stays_while_planetscale_settles_and_that_is_a_remark(scene: Scene) -> None:
    scene.run()
    assert scene.planetscale.left == (["kit-migrate-0002"], [])
    assert f"kit-migrate-0002 stays until PlanetScale deletes it after the deployment: {SETTLING}" in scene.text
    scene.planetscale.advance(60)
    assert scene.planetscale.left == ([], [])


def test_the_revert_window_can_be_skipped(scene: Scene) -> None:
    scene.run(skip_revert=True)
    assert scene.planetscale.requests[0].deployment_state == "complete"
    assert scene.planetscale.branches["main"].versions == {"0002"}
    assert scene.planetscale.now < 1800
    assert len([line for line in scene.planetscale.seen if line.endswith("/skip-revert")]) == 1
    assert "can still be reverted" not in scene.text


def test_a_revert_that_is_faster_than_skipping_it_ends_the_run(scene: Scene) -> None:
    def revert(method: str, path: str) -> None:
        if path.endswith("/skip-revert"):
            scene.planetscale.enter(scene.planetscale.requests[0], "in_progress_revert")

    scene.planetscale.before = revert
    with pytest.raises(Stopped, match="is complete_revert"):
        scene.run(skip_revert=True)
    assert not scene.planetscale.live(COLUMN)


@pytest.mark.parametrize("status", [403, 404, 422])
def test_a_revert_window_that_cannot_be_skipped_is_a_remark(scene: Scene, status: int) -> None:
    def refuse(method: str, path: str, body: Any) -> Any:
        if path.endswith("skip-revert"):
            return transport.Response(status, {"message": "you may not"})
        return scene.planetscale.transport(method, path, body)

    scene.run(transport=refuse, skip_revert=True)
    assert scene.planetscale.live(COLUMN)
    assert "it can still be reverted" in scene.text
    assert "you may not" in scene.text


def test_production_is_never_written_to(scene: Scene) -> None:
    scene.run(skip_revert=True)
    written = [line for line in scene.planetscale.seen if not line.startswith("GET")]
    assert [line for line in written if "/branches/main" in line or line.endswith("/databases/my-app")] == []


def test_run_again_it_finds_the_change_deployed(scene: Scene) -> None:
    scene.run(skip_revert=True).run()
    assert (scene.planetscale.deployed, len(scene.urls)) == (1, 1)
    assert "Deploy request #1 of an earlier run is complete" in scene.text


def test_a_dry_run_prints_the_steps_and_calls_nothing(scene: Scene) -> None:
    scene.deploy().dry_run()
    assert [line.partition(".")[0] for line in scene.output] == ["1", "2", "3", "4", "5", "6"]
    assert "kit-migrate-0002" in scene.output[1]
    assert scene.planetscale.seen == []


def quick() -> Scene:
    """A PlanetScale with shorter delays, so that a run has fewer requests; each state is still seen."""
    return Scene(PlanetScale(delays=Delays(branch=3, validation=3, check=4, running=4)))


def requests_of_a_run() -> int:
    return len(quick().run(skip_revert=True).planetscale.seen)


@pytest.mark.parametrize("done", [False, True])
def test_killed_at_any_request_the_next_run_finishes_and_nothing_is_left(done: bool) -> None:
    for at in range(requests_of_a_run()):
        scene = quick()
        planetscale = scene.planetscale

        def dies(method: str, path: str, body: Any, at: int = at, planetscale: Any = planetscale) -> Any:
            if len(planetscale.seen) >= at:
                if done and len(planetscale.seen) == at:
                    planetscale.transport(method, path, body)
                raise Killed
            return planetscale.transport(method, path, body)

        with pytest.raises(Killed):
            scene.run(transport=dies, skip_revert=True)
        scene.run(skip_revert=True)
        assert planetscale.live(COLUMN), at
        assert planetscale.deployed == 1, at
        assert settled(scene) == ([], []), at


FAULTS = {
    "busy": Fault(429),
    "busy, and says how long": Fault(429, {"retry-after": "7"}),
    "failed": Fault(500),
    "failed, but done": Fault(502, done=True),
    "cut": Fault(0),
    "cut, but done": Fault(0, done=True),
    "short": Fault(200, short=True),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault_at_any_request_changes_nothing(fault: str) -> None:
    for at in range(requests_of_a_run()):
        scene = quick()
        scene.planetscale.faults[at] = FAULTS[fault]
        scene.run(skip_revert=True)
        assert scene.planetscale.live(COLUMN), scene.planetscale.seen[at]
        assert scene.planetscale.deployed == 1, scene.planetscale.seen[at]
        assert settled(scene) == ([], []), scene.planetscale.seen[at]
        assert "how long" not in fault or 7 in scene.slept


def test_a_rate_limit_that_names_no_time_is_waited_out(scene: Scene) -> None:
    scene.planetscale.limit = 12
    scene.run()
    assert scene.planetscale.live(COLUMN)


def test_an_outage_ends_the_run_and_the_next_one_continues(scene: Scene) -> None:
    scene.planetscale.faults |= dict.fromkeys(range(12, 400), Fault(503))
    with pytest.raises(Unsure, match="503"):
        scene.run()
    assert "kit-migrate-0002 and its deploy request may exist" in scene.text
    assert len(scene.planetscale.seen) <= 12 + 1 + client.ATTEMPTS, "during an outage nothing is cleaned up"
    scene.planetscale.faults.clear()
    scene.run()
    assert scene.planetscale.live(COLUMN)
    assert settled(scene) == ([], [])


# Validation, queue, gates


def test_a_deploy_while_planetscale_validates_is_tried_until_it_is_taken(scene: Scene) -> None:
    scene.run()
    assert len([line for line in scene.planetscale.seen if line.endswith("/deploy")]) > 1
    assert scene.planetscale.deployed == 1


def test_a_validation_without_end_ends_the_run_with_its_reason(scene: Scene) -> None:
    scene.planetscale.delays.check = 100_000
    with pytest.raises(Stopped, match="Continue later with: make migrate"):
        scene.run(wait_seconds=60)
    assert VALIDATING.startswith("We're currently validating")
    assert settled(scene)[0] == ["kit-migrate-0002"], "the open deploy request needs it"
    assert "kit-migrate-0002 is kept for deploy request #1" in scene.text


def test_another_deployment_is_waited_for_before_the_branch_is_created(scene: Scene) -> None:
    scene.planetscale.add_branch("feature", theirs="int")
    scene.planetscale.add_request("feature", "in_progress")
    with pytest.raises(Stopped, match="Deploy request #1 can still be reverted"):
        scene.run()
    assert scene.planetscale.live("theirs")
    scene.planetscale.advance(3600)
    scene.run()
    assert scene.planetscale.live(COLUMN)
    assert scene.planetscale.live("theirs")


def test_a_deployment_that_comes_first_in_the_queue_is_waited_for(scene: Scene) -> None:
    scene.interrupted(CREATE)
    scene.planetscale.advance(120)
    scene.planetscale.requests[0].deployment_state = "queued"
    scene.planetscale.requests[0].queued_at = scene.planetscale.now + 1
    scene.planetscale.add_branch("feature", theirs="int")
    scene.planetscale.add_request("feature")
    scene.run()
    assert scene.planetscale.live(COLUMN)
    assert scene.planetscale.live("theirs")


def test_another_failed_deployment_that_blocks_the_queue_is_named_with_the_way_to_unblock_it(scene: Scene) -> None:
    scene.planetscale.add_branch("feature", theirs="int")
    scene.planetscale.add_request("feature", "complete_error", deploy_errors="Duplicate entry")
    with pytest.raises(Stopped, match="pscale deploy-request unblock my-app 1 --org my-org"):
        scene.run()
    scene.planetscale.requests[0].acknowledged = True
    scene.run()
    assert scene.planetscale.live(COLUMN)


def test_a_failure_of_an_earlier_migration_is_acknowledged(scene: Scene) -> None:
    scene.planetscale.add_branch("kit-migrate-0001b", theirs="int")
    scene.planetscale.add_request("kit-migrate-0001b", "complete_error", deploy_errors="Duplicate entry")
    scene.run()
    assert scene.planetscale.requests[0].acknowledged
    assert "The failure of deploy request #1 is acknowledged" in scene.text
    assert scene.planetscale.live(COLUMN)
    assert not scene.planetscale.live("theirs")


def test_a_cutover_that_awaits_confirmation_is_never_confirmed_by_the_kit(scene: Scene) -> None:
    scene.interrupted(CREATE)
    request = scene.planetscale.requests[0]
    request.auto_cutover = False
    with pytest.raises(Stopped, match="pscale deploy-request apply my-app 1 --org my-org"):
        scene.run()
    assert request.deployment_state == "pending_cutover"
    assert not scene.planetscale.live(COLUMN)
    request.auto_cutover = True
    scene.run()
    assert scene.planetscale.live(COLUMN)


def test_a_gate_of_another_deployment_is_named(scene: Scene) -> None:
    scene.planetscale.add_branch("feature", theirs="int")
    scene.planetscale.add_request("feature", "pending_cutover", auto_cutover=False)
    with pytest.raises(Stopped, match="pscale deploy-request apply my-app 1 --org my-org"):
        scene.run()


@pytest.mark.parametrize("action", ["deploy", "skip-revert"])
def test_what_happens_between_our_look_and_our_call_is_no_failure(scene: Scene, action: str) -> None:
    acted: list[str] = []

    def act(method: str, path: str) -> None:
        if path.endswith(f"/{action}") and not acted and scene.planetscale.now >= request().validated_at:
            acted.append(action)
            scene.planetscale.respond(method, path, {})  # somebody else was first

    def request() -> Any:
        return scene.planetscale.requests[0]

    scene.planetscale.before = act
    scene.run(skip_revert=True)
    assert acted == [action]
    assert scene.planetscale.live(COLUMN)
    assert scene.planetscale.deployed == 1


def test_a_deploy_request_that_needs_approval_keeps_its_branch_and_is_continued_later(scene: Scene) -> None:
    scene.planetscale.settings["require_approval_for_deploy"] = True
    with pytest.raises(Stopped, match="has to be approved"):
        scene.run()
    assert scene.planetscale.left == (["kit-migrate-0002"], [])
    assert len(scene.slept) < 20, "nobody approves it by itself"
    scene.planetscale.requests[0].approved = True
    scene.run()
    assert scene.planetscale.live(COLUMN)
    assert len(scene.planetscale.requests) == 1


def test_a_deploy_that_is_refused_ends_with_planetscales_reason(scene: Scene) -> None:
    def refuse(method: str, path: str, body: Any) -> Any:
        if path.endswith("/deploy"):
            return transport.Response(403, {"message": "Deploy requests are disabled"})
        return scene.planetscale.transport(method, path, body)

    with pytest.raises(Stopped, match=r"(?s)#1: Deploy requests are disabled.*Then: make migrate"):
        scene.run(transport=refuse)


def test_a_revert_window_of_an_earlier_change_is_waited_for_or_ended(scene: Scene) -> None:
    def earlier(url: str) -> None:
        scene.planetscale.migrate(url, "0001b", "slug")

    scene.run(newest="0001b", migrate=earlier)
    with pytest.raises(Stopped, match="make migrate SKIP_REVERT=1"):
        scene.run()
    scene.run(skip_revert=True)
    assert [one.deployment_state for one in scene.planetscale.requests] == ["complete", "complete"]


def test_another_deployments_revert_window_is_left_alone(scene: Scene) -> None:
    scene.planetscale.add_branch("feature", theirs="int")
    scene.planetscale.add_request("feature", "complete_pending_revert")
    with pytest.raises(Stopped, match="pscale deploy-request skip-revert my-app 1 --org my-org"):
        scene.run(skip_revert=True)
    assert scene.planetscale.requests[0].deployment_state == "complete_pending_revert"


# What is deployed


def test_a_branch_older_than_production_is_created_again(scene: Scene) -> None:
    scene.planetscale.branches["main"].tables["messages"]["picture"] = "text"
    scene.planetscale.stale = [without("picture"), without("picture")]
    scene.run()
    assert scene.planetscale.live("picture")
    assert scene.planetscale.live(COLUMN)
    assert "does not have the schema of main: messages: drop picture" in scene.text
    assert [seconds for seconds in scene.slept if seconds > 5] == [20]


def test_a_branch_that_stays_older_than_production_is_never_migrated(scene: Scene) -> None:
    scene.planetscale.branches["main"].tables["messages"]["picture"] = "text"
    scene.planetscale.branches["main"].tables["tags"] = {"id": "bigint"}
    scene.planetscale.stale = [without("picture"), without("picture"), without("picture", table="tags")]
    with pytest.raises(
        Stopped, match=r"(?s)messages: drop picture\n  drop the table tags\n.*refresh-schema my-app main"
    ):
        scene.run()
    assert (scene.urls, scene.planetscale.requests) == ([], [])
    assert settled(scene) == ([], [])


def test_a_branch_newer_than_production_is_created_again(scene: Scene) -> None:
    scene.planetscale.stale = [lambda tables: tables | {"visits": {"id": "bigint"}}]
    scene.run()
    assert "does not have the schema of main: create the table visits" in scene.text
    assert "visits" not in scene.planetscale.branches["main"].tables


def without(column: str, table: str = "") -> Any:
    def stale(tables: Any) -> Any:
        tables["messages"].pop(column, None)
        tables.pop(table, None)
        return tables

    return stale


DROP = operation("messages", "ALTER TABLE `messages` DROP COLUMN `text`", {}, {"text": "varchar(280) NOT NULL"})


@pytest.mark.parametrize(
    "extra",
    [
        DROP,
        DROP | {"can_drop_data": False},
        operation("messages", "DROP TABLE `messages`", {}, {"text": ""}),
        operation("visits", "DROP TABLE `visits`", {}, {"id": ""}),
        operation("visits", "ALTER TABLE `visits` ADD COLUMN `n` int", {"n": "int"}, {}),
        operation("messages", "ALTER TABLE `messages` MODIFY COLUMN `text` char(1)", {}, {"text": ""}),
    ],
    ids=lambda one: one["ddl_statement"],
)
def test_what_no_migration_does_is_never_deployed(scene: Scene, extra: dict[str, Any]) -> None:
    scene.planetscale.extra_operations = [extra]
    with pytest.raises(Stopped) as stopped:
        scene.run()
    assert extra["ddl_statement"] in str(stopped.value)
    assert "Start again with: make migrate" in str(stopped.value)
    assert scene.planetscale.deployed == 0
    assert scene.planetscale.requests[0].state == "closed"
    assert settled(scene) == ([], [])
    scene.planetscale.extra_operations = []
    scene.run()
    assert scene.planetscale.live(COLUMN)


def test_a_migration_that_drops_is_deployed_and_the_drop_is_printed(scene: Scene) -> None:
    def drop(url: str) -> None:
        scene.migrate(url)
        del scene.planetscale.branches["kit-migrate-0002"].tables["messages"]["text"]

    scene.planetscale.branches["main"].tables["visits"] = {"id": "bigint"}
    scene.run(migrate=lambda url: (drop(url), scene.planetscale.branches["kit-migrate-0002"].tables.pop("visits")))
    assert not scene.planetscale.live("text")
    assert "This drops data, as the migrations ask for: ALTER TABLE `messages` ADD COLUMN `title`" in scene.text
    assert "This drops data, as the migrations ask for: DROP TABLE `visits`" in scene.text


def test_a_change_of_production_while_the_request_waits_for_approval_is_never_reverted(scene: Scene) -> None:
    scene.planetscale.settings["require_approval_for_deploy"] = True
    with pytest.raises(Stopped):
        scene.run()
    scene.planetscale.branches["main"].tables["messages"]["theirs"] = "int"
    scene.planetscale.requests[0].approved = True
    with pytest.raises(Stopped, match="has to be approved"):
        scene.run()
    assert [one.state for one in scene.planetscale.requests] == ["closed", "open"]
    scene.planetscale.requests[1].approved = True
    scene.run()
    assert scene.planetscale.live("theirs")
    assert scene.planetscale.live(COLUMN)


def test_a_change_of_production_while_the_run_waits_closes_the_request(scene: Scene) -> None:
    scene.planetscale.delays.validation = 300
    tables = scene.planetscale.branches["main"].tables["messages"]
    scene.planetscale.events.append((60, lambda: tables.update(theirs="int")))
    with pytest.raises(Stopped, match="the schema of main or of kit-migrate-0002 changed"):
        scene.run()
    assert scene.planetscale.requests[0].state == "closed"
    scene.run()
    assert scene.planetscale.live("theirs")
    assert scene.planetscale.live(COLUMN)


def test_a_change_of_the_branch_by_hand_is_not_deployed(scene: Scene) -> None:
    scene.interrupted(CREATE)
    scene.planetscale.branches["kit-migrate-0002"].tables["messages"]["by_hand"] = "int"
    scene.run()
    assert [one.state for one in scene.planetscale.requests] == ["closed", "closed"]
    assert not scene.planetscale.live("by_hand")
    assert scene.planetscale.live(COLUMN)


def test_a_branch_that_was_deleted_under_its_request_is_created_again(scene: Scene) -> None:
    scene.interrupted(CREATE)
    scene.planetscale.remove_branch("kit-migrate-0002")
    scene.run()
    assert scene.planetscale.live(COLUMN)


def test_lint_errors_close_the_request_and_are_printed(scene: Scene) -> None:
    scene.planetscale.lint_errors = [
        {
            "lint_error": "NO_UNIQUE_KEY",
            "keyspace_name": "my-app",
            "table_name": "visits",
            "subject_type": "table_error",
            "error_description": 'table "visits" has no non-null unique key',
            "docs_url": "https://planetscale.com/docs",
        }
    ]
    with pytest.raises(Stopped, match=r"NO_UNIQUE_KEY  table .visits. has no .* key  https://planetscale"):
        scene.run()
    assert scene.planetscale.requests[0].state == "closed"
    assert settled(scene) == ([], [])
    scene.planetscale.lint_errors = []
    scene.run()
    assert scene.planetscale.live(COLUMN)


def test_a_migration_that_fails_leaves_nothing(scene: Scene) -> None:
    def fails(_: str) -> None:
        raise ValueError("duplicate column")

    with pytest.raises(ValueError, match="duplicate column"):
        scene.run(migrate=fails)
    assert (scene.planetscale.left, scene.planetscale.requests) == (([], []), [])


def test_nothing_to_deploy_is_no_failure(scene: Scene) -> None:
    scene.run(migrate=lambda _: None)
    assert scene.planetscale.requests[0].state == "closed"
    assert "main already has this schema" in scene.text
    assert "stays" not in scene.text
    assert (scene.planetscale.left, scene.planetscale.deployed) == (([], []), 0)


# What earlier runs left


def test_a_branch_of_an_earlier_migration_whose_request_is_over_is_deleted(scene: Scene) -> None:
    scene.planetscale.add_branch("kit-migrate-0001b", slug="int")
    scene.planetscale.add_request("kit-migrate-0001b", "complete")
    scene.planetscale.advance(120)
    scene.run()
    assert settled(scene) == ([], [])


def test_its_own_branch_is_created_again_without_a_word(scene: Scene) -> None:
    scene.interrupted("POST /v1/organizations/my-org/databases/my-app/branches")
    assert scene.planetscale.left[0] == ["kit-migrate-0002"]
    scene.run()
    assert "has no deploy request" not in scene.text


def test_what_may_be_in_use_by_another_run_is_named_and_stays(scene: Scene) -> None:
    scene.planetscale.add_branch("kit-migrate-0003")
    scene.planetscale.add_branch("kit-migrate-0004", more="int")
    scene.planetscale.add_branch("feature")
    scene.planetscale.add_request("kit-migrate-0004", "ready")
    scene.run()
    assert "The branch kit-migrate-0003 has no deploy request" in scene.text
    assert "Deploy request #1 of the branch kit-migrate-0004 is open" in scene.text
    assert settled(scene)[0] == ["feature", "kit-migrate-0003", "kit-migrate-0004"]


def test_the_list_of_deploy_requests_is_read_to_its_end(scene: Scene) -> None:
    scene.planetscale.add_branch("kit-migrate-0002", title="varchar(80)")
    scene.planetscale.add_request("kit-migrate-0002", "complete")
    scene.planetscale.add_branch("feature")
    for _ in range(120):
        scene.planetscale.add_request("feature", "cancelled", state="closed")
    scene.planetscale.requests[1].deployment_state = "complete_pending_revert"
    with pytest.raises(Stopped, match="Deploy request #2 can still be reverted"):
        scene.run(newest="0003")
    assert [line for line in scene.planetscale.seen if "page=2" in line]


# Settings and rights


@pytest.mark.parametrize(
    ("setting", "value", "advice"),
    [
        ("automatic_migrations", False, "--automatic-migrations=true"),
        ("migration_table_name", "schema_migrations", "--migration-table-name alembic_version"),
        ("kind", "postgresql", r"MySQL \(Vitess\) databases only"),
    ],
)
def test_a_database_that_cannot_be_migrated_so_is_refused(scene: Scene, setting: str, value: Any, advice: str) -> None:
    scene.planetscale.settings[setting] = value
    with pytest.raises(UsageError, match=advice) as refused:
        scene.run()
    assert setting != "kind" or "safe" not in str(refused.value)
    assert scene.planetscale.left == ([], [])


def test_a_branch_without_safe_migrations_is_refused(scene: Scene) -> None:
    scene.planetscale.branches["main"].safe_migrations = False
    with pytest.raises(UsageError, match="safe-migrations enable my-app main --org my-org") as refused:
        scene.run()
    assert "promote" not in str(refused.value)


def test_production_is_what_planetscale_says_it_is(scene: Scene) -> None:
    scene.planetscale.branches["live"] = scene.planetscale.branches.pop("main")
    scene.planetscale.branches["live"].name = "live"
    scene.planetscale.settings["default_branch"] = "live"
    scene.run()
    assert scene.planetscale.live(COLUMN, "live")


def test_a_staging_branch_with_safe_migrations_takes_deploy_requests(scene: Scene) -> None:
    staging = scene.planetscale.add_branch("staging")
    staging.safe_migrations = True
    scene.run(into="staging")
    assert scene.planetscale.live(COLUMN, "staging")
    assert not scene.planetscale.live(COLUMN)
    scene.run()
    assert scene.planetscale.live(COLUMN)


def test_the_next_step_keeps_the_branch(scene: Scene) -> None:
    scene.planetscale.add_branch("staging").safe_migrations = True
    scene.planetscale.delays.running = 10_000
    with pytest.raises(Stopped, match="Continue later with: make migrate INTO=staging"):
        scene.run(into="staging", wait_seconds=60)


NEEDED = sorted(set(client.ACCESSES.values()) - {"read_database"})


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("access", NEEDED)
def test_an_access_that_the_token_lacks_is_named(scene: Scene, access: str, status: int) -> None:
    allowed = set(client.ACCESSES.values()) - {access}
    if access == "read_branch":
        allowed -= {"create_branch", "connect_branch", "delete_branch"}  # each of them may read branches, too
    scene.planetscale.accesses = frozenset(allowed)
    scene.planetscale.forbidden = status
    try:
        scene.run()
    except ApiError as error:
        scene.output.append(str(error))
        assert not scene.planetscale.live(COLUMN)
    assert access in scene.text
    scene.planetscale.accesses = ACCESSES
    scene.run()
    assert scene.planetscale.live(COLUMN)
    assert settled(scene) == ([], [])


@pytest.mark.parametrize("status", [403, 404])
def test_a_branch_that_the_token_may_not_delete_is_not_waited_for(scene: Scene, status: int) -> None:
    scene.interrupted("POST /v1/organizations/my-org/databases/my-app/branches")
    scene.planetscale.accesses = ACCESSES - {"delete_branch"}
    scene.planetscale.forbidden = status
    with pytest.raises(ApiError, match="delete_branch"):
        scene.run()
    assert sum(scene.slept) < 60
    assert "The branch kit-migrate-0002 may still exist" in scene.text


@pytest.mark.parametrize("status", [403, 404])
def test_without_the_access_to_delete_passwords_the_change_is_deployed(scene: Scene, status: int) -> None:
    scene.planetscale.accesses = ACCESSES - {
        access for access in ACCESSES if access.startswith("delete_") and access.endswith("_password")
    }
    scene.planetscale.forbidden = status
    scene.run()
    assert scene.planetscale.live(COLUMN)
    assert "The password of the branch kit-migrate-0002 expires by itself after 30 minutes" in scene.text
    assert settled(scene) == ([], [])


def test_a_database_that_the_token_may_not_see_is_named(scene: Scene) -> None:
    scene.planetscale.accesses = frozenset()
    with pytest.raises(NotFound, match=r"organizations/my-org/databases/my-app: Not Found Either .* read_database"):
        scene.run()


def test_every_password_has_an_end(scene: Scene) -> None:
    ends: list[Any] = []
    scene.run(migrate=lambda url: ends.extend(one["ttl"] for one in scene.planetscale.passwords.values()))
    assert ends == [1800]


def test_a_protected_branch_is_named(scene: Scene) -> None:
    scene.planetscale.add_branch("kit-migrate-0002").protected = True
    with pytest.raises(Stopped, match="kit-migrate-0002 is protected"):
        scene.run()


def test_the_project_is_read_from_pscale_yml_and_its_branch_is_not(tmp_path: Any) -> None:
    (tmp_path / ".pscale.yml").write_text("# read by pscale\norg: my-org\ndatabase: 'my-app'\nbranch: dev\n")
    assert project.read(tmp_path) == project.Project("my-org", "my-app")
    (tmp_path / ".pscale.yml").write_text("org: my-org\n")
    with pytest.raises(UsageError, match="does not name the database"):
        project.read(tmp_path)
