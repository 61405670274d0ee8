"""The user's own infrastructure files: their examples, what they can change, and what is said of a mistake."""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from apps import render
from cases import OWN
from tools import TOOLS_CACHE, environment, require_provider

import parts
from kit.ops import bucket_names
from rendering import TEMPLATE

PROGRAMS = {"cdk": "npx", "sam": "make", "terraform": "terraform"}


def check(app: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        ["make", "--no-print-directory", "infra-check"],
        cwd=app,
        env=environment() | {"UV_PROJECT_ENVIRONMENT": str(TOOLS_CACHE / "cdk")}
        if (app / OWN["cdk"]).exists()
        else environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=400,
    )
    require_provider(done.stdout)
    return done


def rendered(folder: Path, iac: str) -> Path:
    parts.program(PROGRAMS[iac])
    return render(folder / "my-app", iac=iac)


@pytest.mark.parametrize(
    ("iac", "text", "sentences"),
    [
        ("terraform", 'resource "aws_iam_role" "web" {\n  name = "x"\n}\n', ["own.tf", "aws_iam_role", "web"]),
        ("sam", "Resources:\n  WebFunction:\n    Type: AWS::S3::Bucket\n", ["infra/sam/own.yaml: WebFunction is the template's"]),
        ("cdk", "def add(stack):\n    raise ValueError('no table')\n", ["infra/cdk/own.py, line 2: ValueError: no table"]),
    ],
)  # fmt: skip
def test_a_mistake_fails_the_check_and_names_the_file(
    tmp_path: Path, iac: str, text: str, sentences: list[str]
) -> None:
    app = rendered(tmp_path, iac)
    path = app / OWN[iac]
    path.write_text(path.read_text(encoding="utf-8") * (iac == "terraform") + text, encoding="utf-8")
    done = check(app)
    assert done.returncode != 0
    assert all(sentence in done.stdout for sentence in sentences), done.stdout
    assert "Traceback" not in done.stdout


@pytest.fixture
def merge() -> ModuleType:
    return loaded("merge", TEMPLATE / "kit" / "sam" / "merge.py")


def loaded(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BASE = """
Parameters:
  Stage: { Type: String }
Globals:
  Function:
    Environment:
      Variables: { JOBS: sqs, LOG_FORMAT: json }
Resources:
  WebFunction:
    Type: AWS::Serverless::Function
    Properties:
      MemorySize: !Ref WebMemory
      Layers: [one, two]
      ImageConfig: { Command: [web] }
  TaskDefinition:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ContainerDefinitions:
        - Name: app
          Environment:
            - { Name: JOBS, Value: sqs }
            - { Name: LOG_FORMAT, Value: json }
"""


def merged(merge: ModuleType, own: str) -> Any:
    return yaml.safe_load(merge.merge(BASE, own))


def test_a_file_of_comments_leaves_the_template_as_it_is(merge: ModuleType) -> None:
    assert merge.merge(BASE, "# nothing\n") == BASE
    assert merge.merge(BASE, "Resources:\nGlobals:\n") == BASE


def test_a_resource_of_the_templates_is_changed_property_by_property(merge: ModuleType) -> None:
    own = "Resources:\n  WebFunction:\n    Properties:\n      MemorySize: 2048\n      Layers: [!Ref Mine]\n      ImageConfig: { EntryPoint: [x] }\n"
    properties = merged(merge, own)["Resources"]["WebFunction"]["Properties"]
    assert properties == {
        "MemorySize": 2048,
        "Layers": [{"Ref": "Mine"}],
        "ImageConfig": {"Command": ["web"], "EntryPoint": ["x"]},
    }


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("!If [A, 1, 2]", {"Fn::If": ["A", 1, 2]}),
        ("!GetAtt Mine.Outputs.Arn", {"Fn::GetAtt": ["Mine", "Outputs.Arn"]}),
        ("!Sub '${A}-b'", {"Fn::Sub": "${A}-b"}),
        ("!Base64 { Ref: A }", {"Fn::Base64": {"Ref": "A"}}),
    ],
)
def test_a_function_replaces_a_function(merge: ModuleType, short: str, long: Any) -> None:
    own = f"Resources:\n  WebFunction:\n    Properties:\n      MemorySize: {short}\n"
    assert merged(merge, own)["Resources"]["WebFunction"]["Properties"]["MemorySize"] == long


def test_variables_are_those_of_tasks_too(merge: ModuleType) -> None:
    own = "Globals:\n  Function:\n    Environment:\n      Variables:\n        LOG_FORMAT: text\n        TABLE: !Ref Table\n"
    template = merged(merge, own)
    assert template["Globals"]["Function"]["Environment"]["Variables"] == {
        "JOBS": "sqs", "LOG_FORMAT": "text", "TABLE": {"Ref": "Table"}
    }  # fmt: skip
    [container] = template["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    assert container["Environment"] == [
        {"Name": "JOBS", "Value": "sqs"},
        {"Name": "LOG_FORMAT", "Value": "text"},
        {"Name": "TABLE", "Value": {"Ref": "Table"}},
    ]


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        ("Resources: [", "It is not valid YAML"),
        ("- a\n", "It must be a mapping of sections"),
        ("just text", "It must be a mapping of sections"),
        ("Resource:\n  A: {}\n", "Unknown section “Resource”. Use Parameters, Mappings"),
        ("Resources: text\n", "Resources must be a mapping of names"),
        ("Resources:\n  Mine: text\n", "Mine must be a mapping with Type and Properties"),
        ("Resources:\n  WebFuntion:\n    Properties: {}\n", "WebFuntion has no Type, and the template has no resource"),
        ("Resources:\n  WebFunction:\n    Type: AWS::S3::Bucket\n", "WebFunction is the template's AWS::Serverless"),
        ("Parameters:\n  Stage: { Type: Number }\n", "Parameters has Stage, which is the template's own"),
        ("Resources:\n  A: { Type: B }\n  A: { Type: C }\n", "“A” is there twice"),
        ("Globals:\n  Function: text\n", "Function in Globals must be a mapping"),
    ],
)  # fmt: skip
def test_a_mistake_in_own_yaml_is_one_sentence(merge: ModuleType, own: str, sentence: str) -> None:
    with pytest.raises(merge.OwnError, match=re.escape(sentence)):
        merge.merge(BASE, own)


@pytest.fixture
def cdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """system/own.py, which doesn't import CDK, with a file of the user's that a test writes."""
    module = loaded("system_own", TEMPLATE / "infra" / "cdk" / "system" / "own.py")
    monkeypatch.setattr(module, "FILE", tmp_path / "own.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield module
    sys.modules.pop("own", None)


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        (None, "infra/cdk/own.py is missing. Restore it"),
        ("x = 1\n", "infra/cdk/own.py has no function add. Write one"),
        ("add = 1\n", "infra/cdk/own.py has no function add. Write one"),
        ("import nothing_of_this_name\n", "infra/cdk/own.py, line 1: No module named 'nothing_of_this_name'"),
        ("def add(stack)\n", "infra/cdk/own.py: expected ':' (own.py, line 1)"),
        ("def add(stack):\n    helper()\n\ndef helper():\n    {}['key']\n", "infra/cdk/own.py, line 5: KeyError: 'key'"),
        ("def add():\n    pass\n", "infra/cdk/own.py: TypeError: add() takes 0 positional arguments"),
    ],
)  # fmt: skip
def test_a_mistake_in_own_py_is_one_sentence(cdk: ModuleType, tmp_path: Path, own: str | None, sentence: str) -> None:
    if own is not None:
        tmp_path.joinpath("own.py").write_text(own, encoding="utf-8")
    with pytest.raises(cdk.OwnError, match=re.escape(sentence)):
        cdk.add_own(object())


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("infra/terraform/own.tf", '  bucket = "{}"'),
        ("infra/sam/own.yaml", "      BucketName: {}"),
        ("infra/sam/own.yaml", '      BucketName: !Sub "{}"'),
        ("infra/cdk/own.py", '        bucket_name="{}",'),
        ("infra/cdk/own.py", '        bucket_name=f"{}",'),
    ],
)
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("My_Uploads", "lower-case letters, digits, hyphens and dots, not M U _"),
        ("ab", "it has 2 characters, not 3 to 63"),
        ("x" * 64, "it has 64 characters"),
        ("-uploads", "it must begin and end with a letter or a digit"),
        ("uploads..photos", "two dots in a row"),
        ("192.168.0.1", "looks like an IP address"),
        ("uploads-s3alias", "reserved"),
        ("my-app.uploads-1", ""),
    ],
)
def test_a_bucket_name_that_aws_refuses_is_named_with_the_reason(
    tmp_path: Path, file: str, line: str, name: str, reason: str
) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(f"# {line.format('COMMENTED_OUT')}\n{line.format(name)}\n", encoding="utf-8")
    problems = list(bucket_names.check(tmp_path, "my-app", "prod"))
    if not reason:
        assert problems == []
        return
    [problem] = problems
    assert f"{file}, line 2: AWS refuses the bucket name {name}: " in problem
    assert reason in problem
    assert problem.endswith("Use one such as my-app-prod-uploads.")


@pytest.mark.parametrize(
    ("iac", "name"),
    [
        ("terraform", "${local.name}-uploads-${local.account}"),
        ("terraform", "${var.project}-${var.stage}-uploads-${local.account}"),
        ("sam", "${Project}-${Stage}-uploads-${AWS::AccountId}"),
        ("cdk", "{stack.settings.name}-uploads-{stack.account}"),
    ],
)
def test_placeholders_in_a_bucket_name_are_filled_in(iac: str, name: str) -> None:
    assert bucket_names.filled(name, "photo-wall", "prod") == "photo-wall-prod-uploads-000000000000"


def test_a_reference_is_no_name(tmp_path: Path) -> None:
    for file, line in (
        ("infra/terraform/own.tf", "  bucket = aws_s3_bucket.Uploads.bucket"),
        ("infra/sam/own.yaml", "      BucketName: !Ref Uploads"),
        ("infra/cdk/own.py", "        bucket_name=Name,"),
    ):
        path = tmp_path / file
        path.parent.mkdir(parents=True)
        path.write_text(f"{line}\n", encoding="utf-8")
    assert list(bucket_names.check(tmp_path, "my-app", "prod")) == []
