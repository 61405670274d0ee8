"""`make preview` and `make preview-end` with a fake PlanetScale and moto's SSM."""

import argparse
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from kit import clock
from kit.cli import main as command_line
from kit.errors import UsageError
from kit.ops import preview, stage
from kit.ops.preview import Preview
from kit.ops.stage import Stage
from kit.planetscale import branches as branch
from kit.planetscale import project, transport
from kit.planetscale.branches import Branch, Patience
from kit.planetscale.client import ApiError, Client
from planetscale_model import ACCESSES
from planetscale_server import PlanetScale

ADDRESS = "https://preview12.example.com"
PARAMETER = "/my-app/preview12/database-url"
NOTHING: tuple[list[str], int, list[str], list[str]] = ([], 0, [], [])


class Killed(BaseException):
    """Simulates SIGKILL."""


@dataclass
class Scene:
    """A fake PlanetScale, SSM and Makefile; calls are counted and any of them can be the last."""

    planetscale: PlanetScale
    ssm: Any
    stages: set[str] = field(default_factory=set)
    commands: list[str] = field(default_factory=list)
    calls: int = 0
    ends_at: int | None = None
    heard: bool = False
    """Whether the last call still takes effect."""

    def counted(self, call: Any) -> Any:
        def counting(*arguments: Any, **named: Any) -> Any:
            self.calls += 1
            if self.ends_at is not None and self.calls > self.ends_at:
                if self.heard and self.calls == self.ends_at + 1:
                    call(*arguments, **named)
                raise Killed
            return call(*arguments, **named)

        return counting

    def make(self, target: str, **variables: str) -> str:
        """Deploy and destroy like the app's Makefile: with the URL in SSM, and repeatable."""
        self.commands.append(" ".join([target, *(f"{name}={value}" for name, value in variables.items())]))
        if target == "destroy":
            assert variables["CONFIRM"] == f"my-app-{variables['STAGE']}"
            self.stages.discard(variables["STAGE"])
            return ""
        self.url_in_ssm()
        self.stages.add(variables["STAGE"])
        return ADDRESS

    def preview(self) -> Preview:
        database = project.Project("my-org", "my-app")
        client = Client(database, self.counted(self.planetscale.transport), sleep=self.planetscale.advance)
        patience = Patience("make preview PR=12", sleep=self.planetscale.advance)
        ssm = Counted(self)
        return Preview(
            Stage("my-app", "preview12"),
            Branch(database, client, "kit-preview-12", patience),
            ssm,
            self.counted(self.make),
        )

    def url_in_ssm(self) -> str:
        return str(self.ssm.get_parameter(Name=PARAMETER, WithDecryption=True)["Parameter"]["Value"])

    @property
    def left(self) -> tuple[list[str], int, list[str], list[str]]:
        """The branches except production, the number of passwords, the stages and the parameters."""
        parameters = [one["Name"] for one in self.ssm.describe_parameters()["Parameters"]]
        branches, passwords = self.planetscale.left
        return branches, len(passwords), sorted(self.stages), parameters


class Counted:
    """SSM with counted calls."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.exceptions = scene.ssm.exceptions

    def __getattr__(self, name: str) -> Any:
        return self.scene.counted(getattr(self.scene.ssm, name))


@pytest.fixture(scope="module")
def ssm() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("ssm", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")


@contextmanager
def new_scene(ssm: Any, **how: Any) -> Iterator[Scene]:
    """An empty account, and a PlanetScale with only production."""
    for parameter in ssm.describe_parameters()["Parameters"]:
        ssm.delete_parameter(Name=parameter["Name"])
    yield Scene(PlanetScale(), ssm, **how)


@pytest.fixture
def scene(ssm: Any) -> Iterator[Scene]:
    with new_scene(ssm) as scene:
        yield scene


def test_a_preview_has_a_stage_a_branch_and_its_url_in_ssm(scene: Scene) -> None:
    assert scene.preview().begin() == ADDRESS
    assert scene.commands == ["deploy STAGE=preview12 DIRECT=1 YES=1"]
    assert scene.url_in_ssm().startswith("mysql://u%2F")
    assert scene.url_in_ssm().endswith(":pscale_pw_%401@aws.connect.psdb.cloud/my-app")
    assert scene.ssm.describe_parameters()["Parameters"][0]["Type"] == "SecureString"
    assert scene.left == (["kit-preview-12"], 1, ["preview12"], [PARAMETER])


def test_the_next_commit_takes_the_same_branch_and_password(scene: Scene) -> None:
    scene.preview().begin()
    first = scene.url_in_ssm()
    scene.preview().begin()
    assert scene.url_in_ssm() == first
    assert scene.left == (["kit-preview-12"], 1, ["preview12"], [PARAMETER])


def test_a_recreated_branch_gets_a_new_password(scene: Scene) -> None:
    scene.preview().begin()
    first = scene.url_in_ssm()
    scene.preview().branch.delete()
    scene.preview().begin()
    assert scene.url_in_ssm() != first
    assert scene.left == (["kit-preview-12"], 1, ["preview12"], [PARAMETER])


def test_the_password_of_a_preview_ends_after_a_month(scene: Scene) -> None:
    scene.preview().begin()
    [password] = scene.planetscale.passwords.values()
    assert password["ttl"] == 30 * 24 * 3600
    scene.planetscale.advance(password["ttl"])
    assert scene.left == (["kit-preview-12"], 0, ["preview12"], [PARAMETER])


@pytest.mark.parametrize(("days", "renewed"), [(22, False), (24, True), (31, True)])
def test_a_password_that_ends_soon_is_replaced(
    scene: Scene, days: int, renewed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.preview().begin()
    first = scene.url_in_ssm()
    now = clock.now() + timedelta(days=days)
    monkeypatch.setattr(clock, "now", lambda: now)
    scene.preview().begin()
    assert (scene.url_in_ssm() != first) == renewed
    assert scene.left == (["kit-preview-12"], 1, ["preview12"], [PARAMETER])


def test_a_password_without_an_end_is_replaced(scene: Scene) -> None:
    scene.preview().begin()
    first = scene.url_in_ssm()
    next(iter(scene.planetscale.passwords.values()))["expires"] = None
    scene.preview().begin()
    assert scene.url_in_ssm() != first


def test_a_preview_branches_off_the_default_branch(scene: Scene) -> None:
    scene.planetscale.add_branch("live", theirs="int")
    scene.planetscale.settings["default_branch"] = "live"
    scene.preview().begin()
    assert scene.planetscale.live("theirs", "kit-preview-12")


def test_a_postgres_database_gets_no_preview(scene: Scene) -> None:
    scene.planetscale.settings["kind"] = "postgresql"
    with pytest.raises(UsageError, match="MySQL"):
        scene.preview().begin()
    assert scene.left == NOTHING


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("access", ["read_branch", "delete_branch"])
def test_an_end_without_the_access_to_it_is_no_success(scene: Scene, access: str, status: int) -> None:
    scene.preview().begin()
    readers = {"create_branch", "connect_branch", "delete_branch", "connect_production_branch"}
    scene.planetscale.accesses = ACCESSES - {access} - (readers if access == "read_branch" else set())
    scene.planetscale.forbidden = status
    with pytest.raises(ApiError, match=access):
        scene.preview().end()
    assert scene.left[0] == ["kit-preview-12"]
    scene.planetscale.accesses = ACCESSES
    scene.preview().end()
    assert scene.left == NOTHING


def test_deleting_waits_for_a_branch_in_use(scene: Scene) -> None:
    scene.preview().begin()
    scene.planetscale.branches["kit-preview-12"].tables["messages"]["slug"] = "int"
    scene.planetscale.add_request("kit-preview-12", "in_progress")
    scene.preview().end()
    assert scene.left == NOTHING
    assert scene.planetscale.live("slug")


def test_deleting_leaves_nothing_and_can_be_repeated(scene: Scene) -> None:
    scene.preview().begin()
    scene.preview().end()
    assert scene.left == NOTHING
    assert scene.commands[-1] == "destroy STAGE=preview12 CONFIRM=my-app-preview12"
    scene.preview().end()
    assert scene.left == NOTHING
    assert scene.commands.count(scene.commands[-1]) == 1


def test_any_other_stage_is_not_touched(scene: Scene) -> None:
    scene.ssm.put_parameter(Name=PARAMETER, Value="mysql://a:b@c/d", Type="SecureString")
    scene.stages.add("preview12")
    for act in (Preview.begin, Preview.end):
        with pytest.raises(UsageError, match="was not created by `make preview`"):
            act(scene.preview())
    assert (scene.commands, scene.planetscale.seen) == ([], [])
    assert scene.url_in_ssm() == "mysql://a:b@c/d"


def test_branches_and_previews_of_others_stay(scene: Scene) -> None:
    others = [scene.planetscale.add_branch(name).name for name in ("preview12", "kit-preview-1", "kit-migrate-2")]
    scene.preview().begin()
    scene.preview().end()
    assert scene.left[0] == sorted(others)
    written = [line for line in scene.planetscale.seen if not line.startswith("GET")]
    assert not [line for line in written if "/branches/" in line and "/kit-preview-12" not in line]


def test_production_is_never_deleted(scene: Scene) -> None:
    scene.planetscale.add_branch("kit-preview-12").production = True
    branch = scene.preview().branch
    branch.delete()
    assert "kit-preview-12" in scene.planetscale.branches
    assert not [line for line in scene.planetscale.seen if line.startswith("DELETE")]


def calls_of(ssm: Any, act: Callable[[Preview], object], *before: Callable[[Preview], object]) -> int:
    with new_scene(ssm) as scene:
        for earlier in before:
            earlier(scene.preview())
        before_calls = scene.calls
        act(scene.preview())
        return scene.calls - before_calls


@pytest.mark.parametrize("heard", [False, True])
def test_killed_at_any_call_of_its_creation_it_continues_or_leaves_nothing(ssm: Any, heard: bool) -> None:
    for at in range(calls_of(ssm, Preview.begin)):
        with new_scene(ssm, ends_at=at, heard=heard) as scene:
            with pytest.raises(Killed):
                scene.preview().begin()
            scene.ends_at = None
            assert scene.preview().begin() == ADDRESS
            assert scene.left == (["kit-preview-12"], 1, ["preview12"], [PARAMETER]), at
        with new_scene(ssm, ends_at=at, heard=heard) as scene:
            with pytest.raises(Killed):
                scene.preview().begin()
            scene.ends_at = None
            scene.preview().end()
            assert scene.left == NOTHING, at


@pytest.mark.parametrize("heard", [False, True])
def test_killed_at_any_call_of_its_deletion_the_next_one_leaves_nothing(ssm: Any, heard: bool) -> None:
    for at in range(calls_of(ssm, Preview.end, Preview.begin)):
        with new_scene(ssm) as scene:
            scene.preview().begin()
            scene.ends_at, scene.heard = scene.calls + at, heard
            with pytest.raises(Killed):
                scene.preview().end()
            scene.ends_at = None
            scene.preview().end()
            assert scene.left == NOTHING, at


def test_the_command_line_creates_and_deletes_a_preview(
    scene: Scene, app: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setattr(transport, "choose", lambda: scene.planetscale.transport)
    monkeypatch.setattr(branch, "POLL_SECONDS", 0)
    monkeypatch.setattr(preview, "PROJECT", app)
    monkeypatch.setattr(stage, "PROJECT", app)
    monkeypatch.setattr(preview, "make", scene.make)
    monkeypatch.setattr("sys.argv", ["kit", "preview", "12", "--yes"])
    assert command_line.main() == 0
    assert capsys.readouterr().out == f"{ADDRESS}\n"
    assert scene.left == (["kit-preview-12"], 1, ["preview12"], [PARAMETER])
    monkeypatch.setattr("sys.argv", ["kit", "preview-end", "12"])
    assert command_line.main() == 0
    assert scene.left == NOTHING


@pytest.mark.parametrize("number", ["", "0", "12; rm -rf /", "-1", "main", "123456", "１２"])
def test_an_invalid_number_is_refused_before_any_request(number: str) -> None:
    with pytest.raises(UsageError, match="such as PR=12"):
        preview.of(number, "make preview")


def test_it_asks_for_confirmation_first(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(preview, "of", lambda number, again: scene.preview())
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(UsageError, match="Add YES=1: make preview PR=12 YES=1"):
        preview.begin(argparse.Namespace(number="12", yes=False))
    assert scene.left == NOTHING
    preview.begin(argparse.Namespace(number="12", yes=True))
    output = capsys.readouterr()
    assert output.out == f"{ADDRESS}\n"
    assert "may charge for the branch" in output.err
    assert "pscale_pw" not in output.err


def test_a_failure_of_planetscale_says_how_to_continue(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "of", lambda number, again: scene.preview())
    scene.planetscale.accesses = frozenset()
    with pytest.raises(UsageError, match=r"answered 404 .*\nNothing is lost\. Continue with: make preview-end PR=12"):
        preview.end(argparse.Namespace(number="12"))


def test_a_failed_deployment_is_an_error_and_prints_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.joinpath("Makefile").write_text("deploy:\n\t@echo half; exit 3\ndestroy:\n\t@echo $(STAGE) $(CONFIRM)\n")
    monkeypatch.setattr(preview, "PROJECT", tmp_path)
    with pytest.raises(UsageError, match="make --no-print-directory deploy STAGE=preview12"):
        preview.make("deploy", STAGE="preview12")
    assert preview.make("destroy", STAGE="preview12", CONFIRM="my-app-preview12") == "preview12 my-app-preview12"
