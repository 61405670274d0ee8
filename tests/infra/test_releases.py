"""Releases, recorded by the aliases themselves, in moto's Lambda."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from kit.errors import UsageError
from kit.ops import commits, rollback
from kit.ops.aws_account import Account
from kit.ops.releases import MAX_RELEASES, Release, Releases
from kit.ops.stage import Stage

STAGE = Stage("my-app", "prod")
NAMES = ("my-app-prod-web", "my-app-prod-jobs")


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield Account("123456789012", "arn:aws:iam::123456789012:user/me", "us-east-1", boto3.Session())


@pytest.fixture
def functions(account: Account) -> Any:
    """Both functions as the infrastructure creates them: with an alias for `$LATEST`."""
    client, iam = account.session.client("lambda"), account.session.client("iam")
    role = iam.create_role(RoleName="role", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    for name in NAMES:
        code = {"ImageUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/my-app-prod@sha256:" + "1" * 64}
        client.create_function(FunctionName=name, Role=role, PackageType="Image", Code=code)
        client.create_alias(FunctionName=name, Name="live", FunctionVersion="$LATEST")
    return client


@pytest.fixture
def releases(account: Account, functions: Any, monkeypatch: pytest.MonkeyPatch) -> Releases:
    stage_releases = Releases(account, STAGE)
    publish = stage_releases.functions.publish_version

    def as_in_aws(FunctionName: str, Description: str) -> dict[str, Any]:
        """Return the last version if nothing has changed since, as documented for PublishVersion; moto does not."""
        *_, last = functions.list_versions_by_function(FunctionName=FunctionName)["Versions"]
        now = functions.get_function_configuration(FunctionName=FunctionName)
        same = last["Version"] != "$LATEST" and all(
            last.get(key) == now.get(key) for key in ("MemorySize", "Environment")
        )
        return last if same else publish(FunctionName=FunctionName, Description=Description)

    monkeypatch.setattr(stage_releases.functions, "publish_version", as_in_aws)
    return stage_releases


@pytest.fixture
def deploy(releases: Releases, functions: Any) -> Callable[..., Release]:
    """Change one function or both, and activate the new release."""

    def change(*names: str) -> Release:
        for name in names:
            memory = functions.get_function_configuration(FunctionName=name)["MemorySize"]
            functions.update_function_configuration(FunctionName=name, MemorySize=memory + 1)
        new, record = releases.publish(), releases.history()
        releases.activate(record if record[:1] == [new] else [new, *record])
        return new

    return change


def live(functions: Any) -> list[str]:
    return [functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"] for name in NAMES]


def test_a_stage_that_does_not_exist_has_no_history(account: Account) -> None:
    assert Releases(account, STAGE).history() == []


def test_an_incomplete_first_deployment_has_no_history(releases: Releases) -> None:
    assert releases.history() == []


def test_each_deployment_is_recorded_newest_first(deploy: Callable[..., Release], releases: Releases) -> None:
    first, second = deploy(*NAMES), deploy(*NAMES)
    assert first != second
    assert releases.history() == [second, first]


def test_a_change_of_one_function_alone_is_a_deployment_of_both(
    deploy: Callable[..., Release], releases: Releases, functions: Any
) -> None:
    first = deploy(*NAMES)
    second = deploy(NAMES[0])
    assert (second.jobs, second.web) == (first.jobs, "2")
    releases.activate(releases.history()[1:])
    assert live(functions) == [first.web, first.jobs]


def test_deploying_the_same_again_changes_nothing(deploy: Callable[..., Release], releases: Releases) -> None:
    first = deploy(*NAMES)
    assert deploy() == first
    assert releases.history() == [first]


def test_a_rollback_and_the_same_deployment_again_restore_the_history(
    deploy: Callable[..., Release], releases: Releases, functions: Any
) -> None:
    first, second = deploy(*NAMES), deploy(*NAMES)
    releases.activate(releases.history()[1:])
    assert live(functions) == [first.web, first.jobs]
    assert releases.history() == [first]
    deploy()
    assert releases.history() == [second, first]


@pytest.mark.parametrize("step", ["deploy", "rollback"])
def test_a_switch_interrupted_between_the_functions_is_finished(
    step: str, deploy: Callable[..., Release], releases: Releases, functions: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = deploy(*NAMES)
    functions.update_function_configuration(FunctionName=NAMES[0], MemorySize=777)
    functions.update_function_configuration(FunctionName=NAMES[1], MemorySize=777)
    second = releases.publish()
    if step == "rollback":
        releases.activate([second, first])
    target = [second, first] if step == "deploy" else [first]
    moved: list[str] = []
    real = releases.functions.update_alias

    def once(**request: Any) -> None:
        if moved:
            raise KeyboardInterrupt
        moved.append(request["FunctionName"])
        real(**request)

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(releases.functions, "update_alias", once)
        releases.activate(target)
    assert not releases.is_consistent()
    assert releases.history() == target
    releases.activate(releases.history())
    assert releases.is_consistent()
    assert live(functions) == [target[0].web, target[0].jobs]


def test_an_alias_moved_by_hand_is_noticed(deploy: Callable[..., Release], releases: Releases, functions: Any) -> None:
    first, second = deploy(*NAMES), deploy(*NAMES)
    for name, version in zip(NAMES, (first.web, first.jobs), strict=True):
        functions.update_alias(FunctionName=name, Name="live", FunctionVersion=version)
    assert releases.history() == [first, second, first]


def test_no_more_releases_are_recorded_than_the_repository_keeps_images(
    deploy: Callable[..., Release], releases: Releases
) -> None:
    for _ in range(MAX_RELEASES + 2):
        deploy(NAMES[0])
    assert len(releases.history()) == MAX_RELEASES


def test_a_secret_that_was_stored_since_is_a_new_version(account: Account, releases: Releases, functions: Any) -> None:
    ssm: Any = account.session.client("ssm")
    for name in NAMES:
        variables = {"APP_SECRETS": "/my-app/prod/secrets"}
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    first = releases.publish()
    assert releases.publish() == first
    ssm.put_parameter(Name="/my-app/prod/secrets", Value="{}", Type="SecureString")
    second = releases.publish()
    assert second.web != first.web and second.jobs != first.jobs
    assert releases.are_alike(first, second), "its code is the same"


def test_a_release_has_an_image_only_if_both_functions_do(
    releases: Releases, deploy: Callable[..., Release], functions: Any
) -> None:
    repository = "123456789012.dkr.ecr.us-east-1.amazonaws.com/my-app-prod"
    new = deploy(*NAMES)
    assert releases.has_image(new, f"{repository}@sha256:{'1' * 64}")
    assert not releases.has_image(new, f"{repository}@sha256:{'2' * 64}")
    functions.update_function_code(FunctionName=NAMES[1], ImageUri=f"{repository}@sha256:{'2' * 64}")
    assert not releases.has_image(deploy(*NAMES), f"{repository}@sha256:{'1' * 64}")


RECORD = [Release("7", "5"), Release("6", "5"), Release("6", "4")]


@pytest.mark.parametrize(
    ("version", "left"), [("", RECORD[1:]), ("7", RECORD), ("6/5", RECORD[1:]), ("6/4", RECORD[2:]), ("7/5", RECORD)]
)
def test_a_rollback_goes_to_the_version_that_is_named(version: str, left: list[Release]) -> None:
    assert rollback.choose(RECORD, version, STAGE) == left


@pytest.mark.parametrize(
    ("record", "version", "sentence"),
    [
        (RECORD, "8", r"my-app-prod has no version 8 to roll back to\. Versions: 7, 6, 6\."),
        (RECORD, "6", r"There are several versions 6; name one of 7/5, 6/5, 6/4, such as TO=6/5"),
        (RECORD[:1], "", r"my-app-prod has no earlier version to roll back to\."),
        ([], "7", r"my-app-prod has no version 7 to roll back to\. Versions: none\."),
    ],
)
def test_a_rollback_to_no_version_or_to_several_is_refused(record: list[Release], version: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        rollback.choose(record, version, STAGE)


def test_a_deployment_says_how_to_go_back(deploy: Callable[..., Release], releases: Releases) -> None:
    assert rollback.hint(STAGE, []) == ""
    deploy(*NAMES)
    assert rollback.hint(STAGE, releases.history()) == "\nVersion 1 is live."
    deploy(*NAMES)
    assert "gh workflow run rollback -f version=1" in rollback.hint(STAGE, releases.history())
    deploy(NAMES[1])
    assert "make rollback STAGE=prod TO=2/2," in rollback.hint(STAGE, releases.history())


def test_a_version_has_the_commit_that_it_was_deployed_from(releases: Releases, functions: Any) -> None:
    commit = "0123456789abcdef" * 2 + "01234567"
    functions.update_function_configuration(FunctionName=NAMES[0], MemorySize=777)
    version = releases.publish(f"commit {commit} with uncommitted changes").web
    assert commits.read(releases.description(version)) == commit
    assert commits.read("commit without a hash") == ""
