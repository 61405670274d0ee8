"""A deployed stage in moto: functions with aliases, queues, schedules, alarms, logs, a task definition.

moto knows no Lambda quota and no UpdateStage of HTTP APIs, so this answers both.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from moto import mock_aws
from moto.apigatewayv2.models import apigatewayv2_backends

REGION, PREFIX = "eu-central-1", "my-app-prod"
CIDR = "10.0.0.0/24"
CREATE_CLIENT = boto3.Session.client
DIGEST = "sha256:" + "a" * 64


@contextmanager
def running(monkeypatch: pytest.MonkeyPatch, *, logs_alone: bool = False) -> Iterator[boto3.Session]:
    """Create the stage, or only its log groups, for the duration of the block."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "MOTO_LAMBDA_STUB_ECR": "true",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        quota(monkeypatch, 1000)
        session = boto3.Session(region_name=REGION)
        for part in ("web", "jobs", "tasks"):
            session.client("logs").create_log_group(logGroupName=f"/{PREFIX}/{part}")
        if not logs_alone:
            _make(session)
        yield session


def quota(monkeypatch: pytest.MonkeyPatch, environments: int | None, *, unreserved: int | None = None) -> None:
    """Let Lambda answer with this quota; without one, that it may not be read."""
    limits = {"ConcurrentExecutions": environments, "UnreservedConcurrentExecutions": unreserved or environments}
    denied = {"Code": "AccessDeniedException", "Message": "not authorized to perform: lambda:GetAccountSettings on *"}
    answer = {"AccountLimit": limits} if environments else {"Error": denied}
    status = AWSResponse("https://lambda", 200 if environments else 403, {}, None)

    def client(self: boto3.Session, name: str, *arguments: Any, **options: Any) -> Any:
        created = CREATE_CLIENT(_session(self.region_name), name, *arguments, **options)
        if name == "lambda":
            created.meta.events.register_first("before-call.lambda.GetAccountSettings", lambda **_: (status, answer))
        if name == "apigatewayv2":
            created.meta.events.register_first("before-call.apigatewayv2.UpdateStage", _update_stage)
        return created

    monkeypatch.setattr(boto3.Session, "client", client)


@cache
def _session(region: str) -> boto3.Session:
    """One session for all stages, as each reads the descriptions of services anew, which takes longer than the tests."""
    return boto3.Session(region_name=region)


def _update_stage(params: dict[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
    api = params["url_path"].split("/")[3]
    stage = apigatewayv2_backends["123456789012"][REGION].get_stage(api, "$default")
    stage.default_route_settings.update(json.loads(params["body"])["defaultRouteSettings"])
    return AWSResponse("https://apigateway", 200, {}, None), {}


def write(session: boto3.Session, part: str, *lines: Any, ago: float = 1.0, stream: str = "one") -> None:
    """Write log lines of a part of the stage, with timestamps that many seconds ago."""
    logs = session.client("logs")
    with suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_stream(logGroupName=f"/{PREFIX}/{part}", logStreamName=stream)
    moment = int((time.time() - ago) * 1000)
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    logs.put_log_events(
        logGroupName=f"/{PREFIX}/{part}",
        logStreamName=stream,
        logEvents=[{"timestamp": moment + number, "message": text} for number, text in enumerate(texts)],
    )


def start_task(session: boto3.Session, why: str) -> None:
    """Start a task of the stage."""
    [subnet] = [
        one["SubnetId"] for one in session.client("ec2").describe_subnets()["Subnets"] if one["CidrBlock"] == CIDR
    ]
    [group] = session.client("ec2").describe_security_groups(GroupNames=["tasks"])["SecurityGroups"]
    session.client("ecs").run_task(
        cluster=PREFIX,
        taskDefinition=PREFIX,
        launchType="FARGATE",
        startedBy=why,
        networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": [group["GroupId"]]}},
    )


def _make(session: boto3.Session) -> None:
    sqs, ecs = session.client("sqs"), session.client("ecs")
    urls = {kind: sqs.create_queue(QueueName=f"{PREFIX}-default{kind}")["QueueUrl"] for kind in ("", "-dead")}
    cluster = ecs.create_cluster(clusterName=PREFIX)["cluster"]["clusterArn"]
    subnet, group = _network(session)
    variables = {
        "JOBS_QUEUES": f"default={urls['']}",
        "JOBS_DEAD_LETTER_QUEUES": f"default={urls['-dead']}",
        "JOBS_CLUSTER": cluster,
        "JOBS_SUBNETS": subnet,
        "JOBS_SECURITY_GROUPS": group,
        "DATABASE_URL_SECRET": "/my-app/prod/database-url",
    }
    revision = ecs.register_task_definition(
        family=PREFIX,
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="512",
        memory="1024",
        containerDefinitions=[
            {
                "name": "app",
                "memory": 1024,  # moto wants it
                "image": f"registry/{PREFIX}@{DIGEST}",
                "environment": [{"name": name, "value": value} for name, value in variables.items()],
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {"awslogs-group": f"/{PREFIX}/tasks", "awslogs-stream-prefix": "task"},
                },
            }
        ],
    )["taskDefinition"]["taskDefinitionArn"]
    _functions(session, variables | {"JOBS_TASK_DEFINITION": revision})
    _watched(session)
    gateway = session.client("apigatewayv2")
    api = gateway.create_api(Name=PREFIX, ProtocolType="HTTP")["ApiId"]
    throttle = {"ThrottlingRateLimit": 40.0, "ThrottlingBurstLimit": 80}
    gateway.create_stage(ApiId=api, StageName="$default", DefaultRouteSettings=throttle)


def _network(session: boto3.Session) -> tuple[str, str]:
    ec2 = session.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=CIDR)["Subnet"]["SubnetId"]
    return subnet, ec2.create_security_group(GroupName="tasks", Description="tasks", VpcId=vpc)["GroupId"]


def _functions(session: boto3.Session, variables: dict[str, str]) -> None:
    trusted = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}]}
    role = session.client("iam").create_role(RoleName="app", AssumeRolePolicyDocument=json.dumps(trusted))
    functions = session.client("lambda")
    for part in ("web", "jobs"):
        functions.create_function(
            FunctionName=f"{PREFIX}-{part}",
            Role=role["Role"]["Arn"],
            PackageType="Image",
            Code={"ImageUri": f"123456789012.dkr.ecr.{REGION}.amazonaws.com/{PREFIX}@{DIGEST}"},
            Environment={"Variables": variables},
            Architectures=["arm64"],
            MemorySize=1024,
            Publish=True,
        )
        functions.create_alias(FunctionName=f"{PREFIX}-{part}", Name="live", FunctionVersion="1")


def _watched(session: boto3.Session) -> None:
    scheduler, cloudwatch = session.client("scheduler"), session.client("cloudwatch")
    scheduler.create_schedule_group(Name=PREFIX)
    session.client("sns").create_topic(Name=f"{PREFIX}-alarms")
    target = {"Arn": f"arn:aws:lambda:{REGION}:123456789012:function:x", "RoleArn": "arn:aws:iam::123456789012:role/x"}
    for name, expression in (
        ("prune", "cron(0 3 * * ? *)"),
        ("kit-sweep", "rate(5 minutes)"),
        ("0123456789abcdef0123456789abcdef-0", "at(2099-01-01T00:00:00)"),
    ):
        scheduler.create_schedule(
            Name=name,
            GroupName=PREFIX,
            ScheduleExpression=expression,
            ScheduleExpressionTimezone="UTC",
            FlexibleTimeWindow={"Mode": "OFF"},
            State="ENABLED",
            Target=target,
        )
    for name, called in (("default-dead", PREFIX), ("api-5xx", PREFIX), ("x-api-5xx", f"{PREFIX}-x")):
        cloudwatch.put_metric_alarm(
            AlarmName=f"{PREFIX}-{name}",
            MetricName="x",
            Namespace="x",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
            AlarmActions=[f"arn:aws:sns:{REGION}:123456789012:{called}-alarms"],
        )
