"""The deploy-request flow, against a server built from PlanetScale's contract."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kit.errors import UsageError
from kit.planetscale import api, project
from kit.planetscale.deploying import Deploy, Stopped
from planetscale_server import TOKEN, PlanetScale, pscale, serve

PROJECT = project.Project("my-org", "my-app")


class Killed(BaseException):
    """The process ends, as by SIGKILL: nothing that it does from here on reaches anyone."""


@dataclass
class Scene:
    """PlanetScale, and what a run did."""

    planetscale: PlanetScale
    base: str
    urls: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def deploy(self, transport: Any = None, migrate: Callable[[str], None] | None = None, **options: Any) -> Deploy:
        transport = transport or api.Http(*TOKEN.split(":"), base=self.base)
        migrate = migrate or self.urls.append
        asked = api.Api(PROJECT, transport, sleep=self.slept.append)
        return Deploy(PROJECT, asked, "0002", migrate, self.said.append, sleep=self.slept.append, **options)


@pytest.fixture
def scene() -> Iterator[Scene]:
    planetscale = PlanetScale()
    with serve(planetscale) as base:
        yield Scene(planetscale, base)


def test_a_change_is_deployed_and_nothing_is_left(scene: Scene) -> None:
    scene.deploy().run()
    assert scene.urls == ["mysql://u%2F1:pscale_pw_%401@aws.connect.psdb.cloud/my-app"]
    assert scene.planetscale.deployed == 1
    assert scene.planetscale.requests[0]["deployment_state"] == "complete_pending_revert"
    assert scene.planetscale.left == ([], [])


def test_the_revert_window_can_be_skipped(scene: Scene) -> None:
    scene.deploy(skip_revert=True).run()
    assert scene.planetscale.requests[0]["deployment_state"] == "complete"
    assert scene.planetscale.left == ([], [])


def test_production_is_never_written_to(scene: Scene) -> None:
    scene.deploy(skip_revert=True).run()
    written = [line for line in scene.planetscale.seen if not line.startswith("GET")]
    assert [line for line in written if "/branches/main" in line or line.endswith("/databases/my-app")] == []


def test_run_again_it_finds_all_done(scene: Scene) -> None:
    scene.deploy(skip_revert=True).run()
    scene.deploy().run()
    assert (scene.planetscale.deployed, len(scene.urls)) == (1, 1)


def test_a_dry_run_says_the_steps_and_asks_nothing(scene: Scene) -> None:
    scene.deploy().dry_run()
    assert [line.partition(".")[0] for line in scene.said] == ["1", "2", "3", "4", "5", "6"]
    assert "kit-migrate-0002" in scene.said[1]
    assert scene.planetscale.seen == []


def requests_of_a_run() -> int:
    planetscale = PlanetScale()
    with serve(planetscale) as base:
        Scene(planetscale, base).deploy(skip_revert=True).run()
    return len(planetscale.seen)


def test_killed_at_any_request_the_next_run_finishes_and_nothing_is_left() -> None:
    for at in range(requests_of_a_run()):
        for heard in (False, True):
            planetscale = PlanetScale()
            with serve(planetscale) as base:
                scene = Scene(planetscale, base)
                http = api.Http(*TOKEN.split(":"), base=base)

                def dies(
                    method: str, path: str, body: Any, at: int = at, heard: bool = heard, http: Any = http,
                    planetscale: PlanetScale = planetscale,
                ) -> Any:  # fmt: skip
                    if len(planetscale.seen) >= at:
                        if heard and len(planetscale.seen) == at:
                            http(method, path, body)
                        raise Killed
                    return http(method, path, body)

                with pytest.raises(Killed):
                    scene.deploy(dies, skip_revert=True).run()
                scene.deploy(skip_revert=True).run()
                assert planetscale.left == ([], []), at
                assert planetscale.deployed == 1, at


@pytest.mark.parametrize(("status", "done"), [(429, False), (500, False), (502, True)])
def test_a_passing_fault_at_any_request_changes_nothing(status: int, done: bool) -> None:
    for at in range(requests_of_a_run()):
        planetscale = PlanetScale()
        planetscale.faults[at] = (status, {"retry-after": "7"} if status == 429 else {}, done)
        with serve(planetscale) as base:
            scene = Scene(planetscale, base)
            scene.deploy(skip_revert=True).run()
            assert planetscale.left == ([], []), planetscale.seen[at]
            assert planetscale.deployed == 1, planetscale.seen[at]
            assert planetscale.requests[-1]["deployment_state"] == "complete"
            assert status != 429 or 7 in scene.slept


def test_an_outage_ends_the_run_and_the_next_one_goes_on(scene: Scene) -> None:
    scene.planetscale.faults |= {at: (503, {}, False) for at in range(6, 200)}
    with pytest.raises(api.ApiError, match="503"):
        scene.deploy().run()
    scene.planetscale.faults.clear()
    scene.deploy().run()
    assert (scene.planetscale.left, scene.planetscale.deployed) == (([], []), 1)


def test_a_deploy_request_that_cannot_be_deployed_is_closed_and_its_reasons_told(scene: Scene) -> None:
    scene.planetscale.lint_errors = [
        {
            "lint_error": "NO_UNIQUE_KEY",
            "error_description": 'table "visits" has no non-null unique key',
            "docs_url": "https://planetscale.com/docs",
        }
    ]
    with pytest.raises(Stopped, match=r"NO_UNIQUE_KEY: table .visits. has no"):
        scene.deploy().run()
    assert scene.planetscale.requests[0]["state"] == "closed"
    assert (scene.planetscale.left, scene.planetscale.deployed) == (([], []), 0)


def test_a_migration_that_fails_leaves_nothing(scene: Scene) -> None:
    def fails(_: str) -> None:
        raise ValueError("duplicate column")

    with pytest.raises(ValueError, match="duplicate column"):
        scene.deploy(migrate=fails).run()
    assert (scene.planetscale.left, scene.planetscale.requests) == (([], []), [])


def test_a_deploy_that_waits_for_approval_keeps_its_branch_and_goes_on_later(scene: Scene) -> None:
    scene.planetscale.refused_deploy = (403, "Deploy request must be approved")
    with pytest.raises(Stopped, match="must be approved"):
        scene.deploy().run()
    assert scene.planetscale.left == (["kit-migrate-0002"], [])
    scene.planetscale.refused_deploy = None
    scene.deploy().run()
    assert (scene.planetscale.left, scene.planetscale.deployed) == (([], []), 1)


def test_nothing_to_deploy_is_no_failure(scene: Scene) -> None:
    deploy = scene.deploy()
    scene.planetscale.move_on = lambda one: one.update(deployment_state="no_changes")  # type: ignore[method-assign]
    deploy.run()
    assert scene.planetscale.requests[0]["state"] == "closed"
    assert (scene.planetscale.left, scene.planetscale.deployed) == (([], []), 0)


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("automatic_migrations", False, "--automatic-migrations=true"),
        ("migration_table_name", "schema_migrations", "--migration-table-name alembic_version"),
    ],
)
def test_a_database_that_does_not_copy_alembic_version_is_refused(
    scene: Scene, setting: str, value: object, told: str
) -> None:
    scene.planetscale.database[setting] = value  # type: ignore[assignment]
    with pytest.raises(Stopped, match=told):
        scene.deploy().run()


def test_a_branch_without_safe_migrations_is_refused(scene: Scene) -> None:
    scene.planetscale.branches["main"]["safe_migrations"] = False
    with pytest.raises(Stopped, match="safe-migrations enable my-app main --org my-org"):
        scene.deploy().run()
    assert scene.planetscale.left == ([], [])


def test_a_revert_window_of_an_earlier_change_is_waited_for_or_ended(scene: Scene) -> None:
    earlier = scene.deploy()
    earlier.newest = "0001"
    earlier.run()
    with pytest.raises(Stopped, match="SKIP_REVERT=1"):
        scene.deploy().run()
    scene.deploy(skip_revert=True).run()
    assert [one["deployment_state"] for one in scene.planetscale.requests] == ["complete", "complete"]


def test_a_wrong_token_is_told(scene: Scene) -> None:
    with pytest.raises(api.ApiError, match="401"):
        scene.deploy(api.Http("id", "wrong", base=scene.base)).run()


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for pscale is a script with a first line")
def test_pscale_does_as_well_as_a_service_token(scene: Scene, tmp_path: Path) -> None:
    scene.planetscale.faults[3] = (429, {}, False)
    scene.deploy(api.Pscale(str(pscale(tmp_path, scene.base)))).run()
    assert (scene.planetscale.left, scene.planetscale.deployed) == (([], []), 1)


def test_neither_token_nor_pscale_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PLANETSCALE_SERVICE_TOKEN", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="PLANETSCALE_SERVICE_TOKEN_ID"):
        api.transport()


def test_the_project_is_read_from_pscale_yml(tmp_path: Path) -> None:
    (tmp_path / ".pscale.yml").write_text("# read by pscale\norg: my-org\ndatabase: 'my-app'\nbranch: main\n")
    assert project.read(tmp_path) == PROJECT
    (tmp_path / ".pscale.yml").write_text("org: my-org\n")
    with pytest.raises(UsageError, match="does not name the database"):
        project.read(tmp_path)
