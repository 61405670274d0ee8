"""A stage of another tool is neither changed nor deleted."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import moto_stage
import pytest
from apps import render
from cases import build_case

from kit.errors import UsageError
from kit.ops import deployed_by
from kit.ops import iac as tool
from kit.ops.aws_account import Account
from kit.ops.stage import Stage

STAGE = Stage("my-app", "prod")
STACK = {"aws:cloudformation:stack-name": "my-app-prod"}
TAGS = {"sam": STACK | {"lambda:createdBy": "SAM"}, "cdk": STACK, "terraform": {}}
"""The tags that each tool adds to a function, besides the project's own."""


@pytest.fixture(scope="module", params=TAGS)
def iac(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def app(iac: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(tmp_path_factory.mktemp(iac) / "my-app", iac=iac)


@pytest.fixture
def account(app: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """The account of a deployed stage."""
    monkeypatch.setattr(tool, "PROJECT", app)
    with moto_stage.running(monkeypatch) as session:
        yield Account("123456789012", "arn:aws:iam::123456789012:user/me", moto_stage.REGION, session)


def tag(session: boto3.Session, tags: dict[str, str]) -> None:
    functions = session.client("lambda")
    function = functions.get_function(FunctionName="my-app-prod-web")["Configuration"]["FunctionArn"]
    functions.tag_resource(Resource=function, Tags={"project": "my-app", **tags})


@pytest.mark.parametrize("owner", TAGS)
def test_only_the_tool_that_deployed_a_stage_may_change_it(account: Account, iac: str, owner: str) -> None:
    tag(account.session, TAGS[owner])
    if owner == iac:
        assert deployed_by.require(account, STAGE) == ""
        return
    with pytest.raises(
        UsageError, match=r"deployed by another tool .* make deploy STAGE=next, .* make destroy STAGE=prod"
    ):
        deployed_by.require(account, STAGE)


def test_any_tool_may_deploy_a_new_stage(account: Account) -> None:
    assert deployed_by.require(account, Stage("my-app", "fresh")) == ""


def test_credentials_that_may_not_read_tags_get_a_note(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployed_by, "mark", lambda *_: deployed_by.UNKNOWN)
    assert "lambda:ListTags" in deployed_by.require(account, STAGE)


@pytest.mark.parametrize("owner", ["sam", "cdk"])
def test_a_template_has_the_tags_that_identify_its_tool(owner: str) -> None:
    functions = build_case(owner, 0).of("Lambda::Function")
    assert len(functions) == 2
    for function in functions:
        tags = {tag["Key"]: tag["Value"] for tag in function.get("Tags", [])}
        assert tags.get("lambda:createdBy", "") == TAGS[owner].get("lambda:createdBy", "")
