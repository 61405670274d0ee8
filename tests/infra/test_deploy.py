"""`make deploy`: the order of its steps, the state that each failure leaves, and the checks beforehand."""

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from apps import render
from moto import mock_aws
from moto.server import ThreadedMotoServer

from kit.errors import UsageError
from kit.ops import (
    boundary,
    budget,
    cdn,
    cdn_plan,
    confirm,
    deploy,
    deployed,
    exclusive_task,
    health_check,
    image,
    queues,
)
from kit.ops import iac as tool
from kit.ops.aws_account import Account
from kit.ops.queues import Counts, Undeclared
from kit.ops.releases import Release
from kit.ops.stage import Stage
from programs import path_without, program

STAGE = Stage("my-app", "prod")
PUSHED = "123456789012.dkr.ecr.us-east-1.amazonaws.com/my-app-prod@sha256:" + "1" * 64
OLD, NEW, NEWER = Release("6", "5"), Release("7", "6"), Release("8", "7")
NETWORK: Any = {"vpc_id": "vpc-1", "subnet_ids": ("subnet-1", "subnet-2")}
STEPS = [
    "build",
    "infra-image",
    "push",
    "infra-apply",
    "migrate",
    "publish",
    "answers itself",
    "live",
    "answers",
    "budget",
]


class Scene:
    """A deployment that records each step and can fail at any."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.failing = ""
        self.target = ""
        self.record: list[Release] = [OLD]
        self.lived: list[list[Release]] = []
        self.kept: list[str] = []
        self.limited: list[str] = []
        self.boundaries: list[str] = []
        self.published = [NEW, NEWER]
        self.applied = PUSHED

    def do(self, step: str, answer: Any = None) -> Any:
        self.done.append(step)
        if step == self.failing:
            raise UsageError("This is the reason.")
        return answer

    def infra(
        self, target: str, *_: object, KEPT_QUEUES: str = "", JOBS_CONCURRENCY: str = "", **variables: str
    ) -> Any:
        if target == "infra-apply":
            self.limited.append(JOBS_CONCURRENCY)
            self.kept.append(KEPT_QUEUES)
            self.boundaries.append(variables["BOUNDARY"])
            assert (variables["VPC_ID"], variables["SUBNET_IDS"]) == ("vpc-1", "subnet-1,subnet-2")
        return self.do(target, variables)

    def history(self) -> list[Release]:
        return self.record

    def publish(self, description: str) -> Release:
        self.do("publish")
        return self.published.pop(0)

    def has_image(self, release: Release, image: str) -> bool:
        return image == self.applied

    def activate(self, record: list[Release]) -> None:
        self.lived.append(record)
        self.do("live")

    def run(
        self,
        *,
        direct: bool = False,
        undeclared: Undeclared | None = None,
        jobs_concurrency: int | None = None,
        image_file: str = "",
        **settings: str,
    ) -> str:
        account = Account(
            "123456789012", "arn:aws:iam::123456789012:user/me", "us-east-1", boto3.Session(region_name="us-east-1")
        )
        drop = next(iter(undeclared.dropped), "") if undeclared else ""
        plan = deploy.Plan(
            STAGE, direct=direct, drop_queue=drop, jobs_concurrency=jobs_concurrency, image_file=image_file
        )
        stage_settings = tool.Settings(database_secret="", monthly_budget=0, **NETWORK | settings)
        deployment = deploy.Deployment(account, plan, stage_settings, undeclared)
        deployment.releases = self  # type: ignore[assignment]
        return deployment.run()


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Scene:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
    scene = Scene()
    repositories = iter([None, "repository"])
    for module, name, act in (
        (image, "load", lambda archive, architecture: scene.do(f"load {archive}", "sha256:2")),
        (image, "build", lambda architecture: scene.do("build", "sha256:2")),
        (image, "repository", lambda *_: next(repositories)),
        (image, "push", lambda *_: scene.do("push", PUSHED)),
        (tool, "run", scene.infra),
        (budget, "put", lambda *_: scene.do("budget", "none")),
        (boundary, "find", lambda *_: "the stage's"),
        (deployed, "find", lambda *_, version: version),
        (deployed, "address", lambda *_: "https://example.com"),
        (deployed, "target", lambda *_: scene.target),
        (deployed, "distribution", lambda *_: None),
        (cdn, "put_origin_secret", lambda *_: scene.do("origin secret")),
        (cdn, "upload_page", lambda *_: scene.do("page")),
        (cdn, "delete_page", lambda *_: scene.do("no page")),
        (cdn_plan, "put_web_acl", lambda *_: scene.do("web ACL", "arn:aws:wafv2:…")),
        (cdn_plan, "subscribe", lambda *_: scene.do("plan")),
        (cdn_plan, "cancel", lambda *_: scene.do("no plan")),
        (cdn_plan, "delete_web_acl", lambda *_: scene.do("no web ACL")),
        (exclusive_task, "run", lambda account, new, spec, kind: scene.do("migrate") or 0),
        (health_check, "check_version", lambda *_: scene.do("answers itself")),
        (health_check, "check_address", lambda at, target: scene.do("answers")),
        (health_check, "is_public", lambda at: False),
    ):
        monkeypatch.setattr(module, name, act)
    return scene


@pytest.mark.parametrize(("own", "expected"), [("", "the stage's"), ("mine", "mine")])
def test_roles_are_limited_by_the_boundary_of_the_settings_or_else_by_the_stages(
    scene: Scene, own: str, expected: str
) -> None:
    scene.run(permissions_boundary=own)
    assert set(scene.boundaries) == {expected}


def test_an_image_that_was_built_and_checked_before_is_not_built_again(scene: Scene) -> None:
    scene.run(image_file="image.tar")
    assert scene.done == ["load image.tar" if one == "build" else one for one in STEPS]
    plan = deploy.Plan(STAGE, drop_queue="orders", image_file="my image.tar")
    assert plan.again == "make deploy STAGE=prod DROP_QUEUE=orders IMAGE_FILE='my image.tar'"


def test_traffic_is_shifted_last(scene: Scene, tmp_path: Path) -> None:
    assert scene.run() == "https://example.com"
    assert tmp_path.joinpath("outputs").read_text() == f"digest=sha256:{'1' * 64}\n"  # which the pipeline signs
    assert scene.done == STEPS
    assert scene.lived == [[NEW, OLD]]


@pytest.mark.parametrize(("lower", "passed_on"), [(5, "5"), (None, "")])
def test_a_lower_concurrency_of_jobs_reaches_the_infrastructure(
    scene: Scene, lower: int | None, passed_on: str
) -> None:
    scene.run(jobs_concurrency=lower)
    assert scene.limited == [passed_on]


ONE = deployed.Distribution("E1", "d111111abcdef8.cloudfront.net", "d111111abcdef8.cloudfront.net")


@pytest.mark.parametrize(
    ("setting", "there", "before", "after"),
    [
        ("pay-as-you-go", [None, ONE], ["origin secret"], ["page"]),
        ("pay-as-you-go", [ONE, ONE], ["origin secret", "no plan"], ["page", "no web ACL"]),
        ("free", [None, ONE], ["origin secret", "web ACL"], ["page", "plan"]),
        ("off", [ONE, None], ["no page", "no plan"], ["no web ACL"]),
    ],
    ids=["new", "kept, or its plan ended", "new with a plan", "turned off"],
)
def test_what_a_cdn_needs_is_there_before_the_infrastructure_and_what_needs_it_after(
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    there: list[deployed.Distribution | None],
    before: list[str],
    after: list[str],
) -> None:
    found = iter(there)
    monkeypatch.setattr(deployed, "distribution", lambda *_: next(found))
    scene.run(cdn=setting)
    index = STEPS.index("infra-apply")
    assert scene.done == [*STEPS[:index], *before, "infra-apply", *after, *STEPS[index + 1 :]]


DROPPED = Undeclared({"audit": Counts(0, 0, 0, 0)}, {"orders": Counts(2, 0, 0, 1)})


def test_a_queue_is_dropped_after_the_shift_by_a_version_that_does_not_know_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "undeclared", lambda *_: DROPPED)
    scene.run(undeclared=DROPPED)
    assert scene.done == [*STEPS, "infra-apply", "publish", "answers itself", "live"]
    assert scene.kept == ["audit,orders", "audit"]
    assert scene.lived == [[NEW, OLD], [NEWER, OLD]]


def test_a_queue_that_got_another_job_meanwhile_is_not_dropped(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    more = Undeclared(DROPPED.kept, {"orders": Counts(3, 0, 0, 1)})
    monkeypatch.setattr(queues, "undeclared", lambda *_: more)
    with pytest.raises(UsageError, match=r"orders is kept: jobs have arrived \(3 waiting, 1 dead\)"):
        scene.run(undeclared=DROPPED)
    assert scene.done == STEPS
    assert scene.kept == ["audit,orders"]


def test_a_queue_is_not_dropped_when_the_migration_fails(scene: Scene) -> None:
    scene.failing = "migrate"
    with pytest.raises(UsageError, match="make deploy STAGE=prod DROP_QUEUE=orders"):
        scene.run(undeclared=DROPPED)
    assert scene.kept == ["audit,orders"]


def test_an_existing_repository_is_not_created_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "repository", lambda *_: "repository")
    scene.run()
    assert scene.done == [step for step in STEPS if step != "infra-image"]


@pytest.mark.parametrize("step", STEPS[: STEPS.index("live")])
def test_a_failure_before_the_shift_keeps_the_live_version_and_says_how_to_continue(scene: Scene, step: str) -> None:
    scene.failing = step
    with pytest.raises(UsageError) as failure:
        scene.run(direct=True)
    assert scene.done == STEPS[: STEPS.index(step) + 1]
    assert scene.lived == []
    assert str(failure.value) == (
        "This is the reason.\n\nVersion 6 is still live. Fix the cause, then continue with: make deploy STAGE=prod DIRECT=1"
    )


def test_code_that_another_deployment_has_applied_meanwhile_does_not_go_live(scene: Scene) -> None:
    scene.applied = PUSHED.replace("1", "2")
    with pytest.raises(UsageError, match=r"Another deployment .*\n\nVersion 6 is still live"):
        scene.run()
    assert scene.lived == []


def test_failed_migrations_are_reported_with_their_exit_code(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exclusive_task, "run", lambda *_: 3)
    with pytest.raises(UsageError, match="migrations failed with exit code 3"):
        scene.run()
    assert scene.lived == []


@pytest.mark.parametrize(
    ("direct", "skip", "options"), [(False, False, []), (True, True, ["--direct", "--skip-revert"])]
)
def test_migrations_are_the_new_images_own_command(direct: bool, skip: bool, options: list[str]) -> None:
    assert deploy.Plan(STAGE, direct, skip).migration == ["python", "-m", "kit", "migrate", *options]


def test_an_unhealthy_address_switches_back_to_the_previous_version(scene: Scene) -> None:
    scene.failing = "answers"
    with pytest.raises(UsageError, match="Switched back: version 6 is live"):
        scene.run()
    assert scene.lived == [[NEW, OLD], [OLD]]


def test_a_first_deployment_has_nothing_to_switch_back_to(scene: Scene) -> None:
    scene.failing, scene.record = "answers", []
    with pytest.raises(UsageError, match="continue with: make deploy STAGE=prod"):
        scene.run()
    assert scene.lived == [[NEW]]


@pytest.fixture(scope="module")
def app(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the app, as commands leave an environment and a lock file in it."""
    return Path(shutil.copytree(app, tmp_path_factory.mktemp("deployed") / app.name))


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """The address of moto's server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def error_of(app: Path, *words: str, stdin: str = "", **environ: str) -> str:
    """Run a command that must fail with a usage error; return its standard error."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DOCKER"))}
    nobody = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull}
    nobody["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    done = subprocess.run(
        [sys.executable, "-m", "kit", *words],
        cwd=app,
        env=kept | nobody | environ,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


def keys(address: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


@pytest.mark.parametrize("verb", ["deploy", "rollback", "destroy", "secret"])
def test_an_invalid_stage_name_is_refused(app: Path, verb: str) -> None:
    assert "STAGE=prod" in error_of(app, verb, "--stage", "production-of-mine")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["policy", "nope"], "Unknown policy 'nope'; use one of"),
        (["policy", "look", "--stage", "a b"], "Invalid stage name 'a b'"),
        (["secret", "nope"], "nope"),
        (["secrets", "--stage", "a b"], "STAGE=prod"),
        (["logs", "--what", "nope"], "nope"),
        (["logs", "--since", "nope"], "nope"),
        (["status", "--stage", "a b"], "STAGE=prod"),
        (["cost", "--stage", "a b"], "STAGE=prod"),
        (["exec", "--stage", "a b", "--run", "--", "true"], "STAGE=prod"),
        (["preview", "nope"], "nope"),
        (["preview-end", "nope"], "nope"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_argument_is_refused_before_a_login_is_asked_for(app: Path, words: list[str], problem: str) -> None:
    message = error_of(app, *words, AWS_REGION="us-east-1")
    assert problem in message
    assert "Log in" not in message


@pytest.mark.parametrize("verb", ["deploy", "rollback", "destroy", "secret"])
def test_without_credentials_a_login_is_asked_for(app: Path, verb: str) -> None:
    assert "Log in first" in error_of(app, verb, AWS_REGION="us-east-1")


def test_an_unreachable_aws_is_reported(app: Path) -> None:
    assert "Can't reach AWS to check your credentials" in error_of(app, "deploy", **keys("http://127.0.0.1:9"))


def test_a_missing_secret_is_reported_with_the_command_that_stores_it(app: Path, aws: str) -> None:
    message = error_of(app, "deploy", "--stage", "fresh", **keys(aws))
    assert "/my-app/fresh/database-url, which does not exist" in message
    assert "make secret STAGE=fresh" in message


@pytest.mark.parametrize(
    ("kind", "text", "why"),
    [
        ("database-url", "postgres://me:hush@host/db", "mysql://user:password@host/database"),
        ("database-url", "", "not a URL"),
        ("planetscale-token", "hush", "ID:TOKEN"),
    ],
)
def test_an_invalid_secret_is_neither_stored_nor_repeated(app: Path, aws: str, kind: str, text: str, why: str) -> None:
    message = error_of(app, "secret", kind, "--stage", "fresh", stdin=text, **keys(aws))
    assert why in message
    assert "hush" not in message
    assert "Nothing was stored" in message


@pytest.fixture
def secret(aws: str) -> None:
    ssm = boto3.client("ssm", "us-east-1", endpoint_url=aws, aws_access_key_id="test", aws_secret_access_key="test")
    ssm.put_parameter(Name="/my-app/prod/database-url", Value="x", Type="SecureString", Overwrite=True)


@pytest.mark.usefixtures("secret")
def test_a_missing_docker_is_reported_with_where_to_get_it(app: Path, aws: str, tmp_path: Path) -> None:
    path = path_without(tmp_path / "bin", "docker", "podman")
    assert "Docker is not installed" in error_of(app, "deploy", PATH=path, **keys(aws))


@pytest.mark.usefixtures("secret")
def test_an_engine_that_does_not_answer_is_reported_in_its_own_words(app: Path, aws: str, tmp_path: Path) -> None:
    program(tmp_path / "docker", "#!/bin/sh\necho 'Is the docker daemon running?' >&2; exit 1\n")
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    assert "docker info failed: Is the docker daemon running?" in error_of(app, "deploy", PATH=path, **keys(aws))


def test_without_a_terminal_nothing_is_destroyed(app: Path, aws: str) -> None:
    assert "CONFIRM=my-app-prod" in error_of(app, "destroy", **keys(aws))


def test_another_name_destroys_nothing(app: Path, aws: str) -> None:
    assert "Nothing changed" in error_of(app, "destroy", "--confirm", "my-app-test", **keys(aws))


def test_a_stage_that_does_not_exist_cannot_be_rolled_back(app: Path, aws: str) -> None:
    message = error_of(app, "rollback", "--stage", "fresh", **keys(aws))
    assert "Nothing is deployed as my-app-fresh in us-east-1 of account 123456789012" in message


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account in moto."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield Account(
            "123456789012", "arn:aws:iam::123456789012:user/me", "us-east-1", boto3.Session(region_name="us-east-1")
        )


@pytest.mark.parametrize(
    ("email", "line"),
    [
        ("", r'alarms +NOT SENT TO ANYONE: errors.* Set AlarmEmail = "me@example.com" in infra/sam/stages/prod.toml'),
        ("me@example.com", r"alarms +sent to me@example.com"),
    ],
)
def test_the_plan_shows_the_recipient_of_alarms(
    moto: Account,
    app: Path,
    email: str,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(tool, "PROJECT", app)
    deploy.show(
        moto,
        tool.Settings(database_secret="/my-app/prod/database-url", alarm_email=email),
        deploy.Plan(STAGE),
        [],
        Undeclared({}, {}),
    )
    assert re.search(line, capsys.readouterr().out)


def test_the_plan_quotes_the_costs_of_the_stages_own_region_and_settings(
    moto: Account, app: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tool, "PROJECT", app)

    def quoted(region: str, stage: Stage = STAGE, environments: int | None = None, **settings: Any) -> str:
        account = replace(moto, region=region)
        values = tool.Settings(database_secret="/my-app/prod/database-url", **settings)
        deploy.show(account, values, deploy.Plan(stage), [], Undeclared({}, {}), environments=environments)
        [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  cost ")]
        return line

    assert "about 0.87 USD a month" in quoted("us-east-1")
    assert "about 3.87 USD a month" in quoted("us-east-1", dashboard=True)
    assert "about 0.37 USD a month" in quoted("us-east-1", Stage("my-app", "preview12"), dashboard=True)
    assert "at most 939 USD in a night of abuse" in quoted("us-east-1")
    assert "at most 559 USD in a night of abuse" in quoted("us-east-1", environments=10)
    assert "prices of us-east-1: those of eu-north-1 are not known" in quoted("eu-north-1")
    assert "not known" not in quoted("us-east-1")


@pytest.mark.parametrize("iac", ["sam", "cdk", "terraform"])
def test_each_tool_says_where_the_email_is_set(iac: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "PROJECT", render(tmp_path / "my-app", iac=iac))
    how = tool.how_to_set_alarm_email(STAGE)
    assert f"infra/{iac}/" in how
    assert "prod" in how


def test_a_domain_without_a_dns_record_is_deployed_to_all_the_same(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.target = "d-abc.execute-api.us-east-1.amazonaws.com"
    assert scene.run() == "https://example.com"
    assert scene.lived == [[NEW, OLD]]
    assert f"https://example.com does not answer yet. Its DNS record must be a CNAME or alias of {scene.target}" in (
        capsys.readouterr().out
    )


def test_the_target_of_a_domain_is_aws_own_name(moto: Account) -> None:
    gateway = moto.session.client("apigatewayv2")
    target = "d-abc.execute-api.us-east-1.amazonaws.com"  # AWS makes it up, and moto keeps the one that is given
    gateway.create_domain_name(
        DomainName="wall.example.com", DomainNameConfigurations=[{"ApiGatewayDomainName": target}]
    )
    assert deployed.target(moto, STAGE, "https://wall.example.com") == target
    assert deployed.target(moto, STAGE, "https://abc.execute-api.us-east-1.amazonaws.com") == ""


class Terminal(io.StringIO):
    """Standard input that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("answer", "goes_on"), [("y\n", True), ("Yes\n", True), ("\n", False), ("n\n", False), ("", False)]
)
def test_only_yes_continues(answer: str, goes_on: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    if goes_on:
        confirm.ask("Go ahead?", yes=False, hint="")
        return
    with pytest.raises(UsageError, match="Nothing changed"):
        confirm.ask("Go ahead?", yes=False, hint="")


@pytest.mark.parametrize(("answer", "goes_on"), [("my-app-prod\n", True), ("y\n", False), ("my-app-test\n", False)])
def test_only_its_name_confirms_deleting_a_stage(answer: str, goes_on: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    if goes_on:
        confirm.ask_for_name("my-app-prod", typed="", hint="")
        return
    with pytest.raises(UsageError, match="Nothing changed"):
        confirm.ask_for_name("my-app-prod", typed="", hint="")
