"""`make preview` and `make preview-end` with a fake PlanetScale and moto's SSM."""

import argparse
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from kit import clock
from kit.cli import main as command_line
from kit.errors import UsageError
from kit.ops import github, preview, preview_end, regions, stage
from kit.ops.aws_account import Account
from kit.ops.github import PullRequest
from kit.ops.preview import Preview
from kit.ops.preview_end import Sweep
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
    elsewhere: dict[str, Any] = field(default_factory=dict)
    """SSM in other regions."""
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
            lambda parameter: {
                region: ssm for region, ssm in self.elsewhere.items() if ssm.describe_parameters()["Parameters"]
            },
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
    assert scene.commands == ["deploy STAGE=preview12 DIRECT=1 OLDER=1 YES=1"]
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
    monkeypatch.setattr(boto3.Session, "get_available_regions", lambda *_, **__: ["us-east-1", "eu-west-1"])
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
        preview_end.run(argparse.Namespace(number="12"))


def test_a_failed_deployment_is_an_error_and_prints_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.joinpath("Makefile").write_text("deploy:\n\t@echo half; exit 3\ndestroy:\n\t@echo $(STAGE) $(CONFIRM)\n")
    monkeypatch.setattr(preview, "PROJECT", tmp_path)
    with pytest.raises(UsageError, match="make --no-print-directory deploy STAGE=preview12"):
        preview.make("deploy", STAGE="preview12")
    assert preview.make("destroy", STAGE="preview12", CONFIRM="my-app-preview12") == "preview12 my-app-preview12"


def test_a_preview_follows_its_pull_request_into_another_region(scene: Scene, elsewhere: Any) -> None:
    scene.preview().begin()
    before, scene.ssm = scene.ssm, elsewhere
    scene.elsewhere = {"us-east-1": before}
    assert scene.preview().begin() == ADDRESS
    assert scene.commands[1:] == [
        "destroy STAGE=preview12 CONFIRM=my-app-preview12 AWS_REGION=us-east-1",
        "deploy STAGE=preview12 DIRECT=1 OLDER=1 YES=1",
    ]
    assert before.describe_parameters()["Parameters"] == []
    assert scene.left == (["kit-preview-12"], 1, ["preview12"], [PARAMETER])


def test_a_preview_is_deleted_in_the_region_that_it_was_deployed_to(scene: Scene, elsewhere: Any) -> None:
    scene.preview().begin()
    before, scene.ssm = scene.ssm, elsewhere
    scene.elsewhere = {"us-east-1": before}
    scene.preview().end()
    assert scene.commands[1:] == ["destroy STAGE=preview12 CONFIRM=my-app-preview12 AWS_REGION=us-east-1"]
    assert before.describe_parameters()["Parameters"] == []
    assert scene.left == NOTHING


def test_a_stage_of_another_region_that_is_no_preview_stays(scene: Scene, elsewhere: Any) -> None:
    elsewhere.put_parameter(Name=PARAMETER, Value="mysql://a:b@c/d", Type="SecureString")
    scene.elsewhere = {"eu-west-1": elsewhere}
    scene.preview().begin()
    scene.preview().end()
    assert not [command for command in scene.commands if "AWS_REGION" in command]


@pytest.fixture
def elsewhere(ssm: Any) -> Iterator[Any]:
    """SSM in another region."""
    client = boto3.client("ssm", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    yield client
    for parameter in client.describe_parameters()["Parameters"]:
        client.delete_parameter(Name=parameter["Name"])


@pytest.fixture
def account(ssm: Any) -> Account:
    session = boto3.Session(region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    return Account("123456789012", "arn:aws:iam::123456789012:user/me", "us-east-1", session)


def test_the_parameter_is_found_in_every_region_that_is_open(
    account: Account, elsewhere: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere.put_parameter(Name=PARAMETER, Value="mysql://a:b@c/d", Type="SecureString")
    monkeypatch.setattr(
        account.session, "get_available_regions", lambda *_, **__: ["us-east-1", "eu-west-1", "eu-west-2"]
    )
    assert list(preview._other_stores(account, PARAMETER)) == ["eu-west-1"]

    def refuse(_: Any, region: str) -> str:
        if region == "eu-west-2":
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetParameter")
        return region.upper()

    assert regions.ask(account, "ssm", refuse) == ({"eu-west-1": "EU-WEST-1", "us-east-1": "US-EAST-1"}, ["eu-west-2"])

    def fail(*_: Any) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "GetParameter")

    with pytest.raises(ClientError, match="Throttling"):
        regions.ask(account, "ssm", fail)


OPEN, JUST_CLOSED = PullRequest(12, None), PullRequest(12, datetime(2026, 11, 2, 12, tzinfo=UTC))
NOW = datetime(2026, 11, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("states", "sentence"),
    [
        ([JUST_CLOSED], "Pull request 12 is closed, so its preview is not deployed, but deleted"),
        ([OPEN, JUST_CLOSED], "Pull request 12 was closed meanwhile, so its preview is deleted again"),
        ([None], "GitHub has no pull request 12, or GH_TOKEN may not read pull requests"),
    ],
)
def test_a_pipeline_leaves_no_preview_of_a_closed_pull_request(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, states: list[PullRequest | None], sentence: str
) -> None:
    answers = iter(states)
    if states != [None]:
        scene.preview().begin()
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setattr(github, "pull_request", lambda number: next(answers))
    monkeypatch.setattr(preview, "of", lambda number, again: scene.preview())
    with pytest.raises(UsageError, match=sentence):
        preview.begin(argparse.Namespace(number="12", yes=True))
    assert scene.left == NOTHING
    assert next(answers, "all asked") == "all asked"


def sweep(found: dict[int, list[str]], pulls: dict[int, PullRequest], stubborn: set[int]) -> tuple[list[int], Sweep]:
    """A sweep over previews in memory, some of which can't be deleted, and the list of those it deletes."""
    ended: list[int] = []

    def end(number: str) -> None:
        ended.append(int(number))
        if int(number) == 14:
            raise UsageError("This failed.")
        if int(number) not in stubborn:
            del found[int(number)]

    return ended, Sweep(lambda: dict(found), pulls.get, end, lambda seconds: None)


def test_the_weekly_sweep_deletes_what_closed_pull_requests_left_and_names_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    long_ago = NOW - timedelta(days=3)
    found = {number: [f"arn:{number}", f"branch kit-preview-{number}"] for number in (11, 12, 13, 14, 15, 16)}
    pulls = {11: PullRequest(11, None), 12: JUST_CLOSED} | {n: PullRequest(n, long_ago) for n in (13, 14, 15)}
    ended, all_previews = sweep(found, pulls, stubborn={15})
    with pytest.raises(UsageError) as left:
        all_previews.run()
    assert ended == [13, 14, 15]
    assert capsys.readouterr().out.splitlines() == [
        "preview11 is kept: its pull request is open",
        "preview12 is kept: its pull request was just closed",
        *(
            f"preview{n} is deleted: its pull request was closed on 2026-10-31. arn:{n}, branch kit-preview-{n}"
            for n in (13, 14, 15)
        ),
    ]
    assert [line.partition(":")[0] for line in str(left.value).splitlines()[1:]] == [
        "preview14",
        "preview16",
        "preview15",
    ]
    assert "preview16: GitHub has no pull request 16." in str(left.value)
    assert "preview15: arn:15, branch kit-preview-15. To delete it: make preview-end PR=15" in str(left.value)


def test_a_sweep_that_leaves_nothing_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    ended, all_previews = sweep({13: ["arn:13"]}, {13: PullRequest(13, NOW - timedelta(days=3))}, set())
    all_previews.run()
    assert ended == [13]


def test_previews_are_found_by_tags_in_all_regions_and_by_the_names_of_branches(
    scene: Scene, account: Account, elsewhere: Any, monkeypatch: pytest.MonkeyPatch, app: Path
) -> None:
    monkeypatch.setattr(transport, "choose", lambda: scene.planetscale.transport)
    monkeypatch.setattr(stage, "PROJECT", app)
    monkeypatch.setattr(preview_end, "PROJECT", app)
    monkeypatch.setattr(account.session, "get_available_regions", lambda *_, **__: ["us-east-1", "eu-west-1"])
    scene.preview().begin()
    scene.planetscale.add_branch("kit-preview-9")
    for name, project_, stage_ in (("a", "my-app", "preview7"), ("b", "my-app", "prod"), ("c", "other", "preview8")):
        tags = [{"Key": "project", "Value": project_}, {"Key": "stage", "Value": stage_}]
        elsewhere.put_parameter(Name=f"/{name}", Value="x", Type="String", Tags=tags)
    assert preview_end.find(account) == {
        7: ["arn:aws:ssm:eu-west-1:123456789012:parameter/a"],
        9: ["branch kit-preview-9"],
        12: [f"arn:aws:ssm:us-east-1:123456789012:parameter{PARAMETER}", "branch kit-preview-12"],
    }
