"""Every region that is offered knows what each tool creates, and has the services that the kit calls."""

import json
import re
import subprocess
from typing import Any

import boto3
import pytest
from cases import CASES, build_case
from tools import environment

from kit.ops import cdn
from kit.ops.network import FARGATE_ZONES
from rendering import ROOT, TEMPLATE

SERVICES = [
    "apigatewayv2",
    "cloudformation",
    "cloudwatch",
    "ec2",
    "ecr",
    "ecs",
    "events",
    "lambda",
    "logs",
    "s3",
    "scheduler",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "sts",
]
TERRAFORM = {
    "apigatewayv2_api": "ApiGatewayV2::Api",
    "apigatewayv2_api_mapping": "ApiGatewayV2::ApiMapping",
    "apigatewayv2_domain_name": "ApiGatewayV2::DomainName",
    "apigatewayv2_integration": "ApiGatewayV2::Integration",
    "apigatewayv2_route": "ApiGatewayV2::Route",
    "apigatewayv2_stage": "ApiGatewayV2::Stage",
    "cloudfront_cache_policy": "CloudFront::CachePolicy",
    "cloudfront_distribution": "CloudFront::Distribution",
    "cloudfront_function": "CloudFront::Function",
    "cloudfront_origin_access_control": "CloudFront::OriginAccessControl",
    "cloudwatch_dashboard": "CloudWatch::Dashboard",
    "cloudwatch_event_rule": "Events::Rule",
    "cloudwatch_event_target": "Events::Rule",
    "cloudwatch_log_group": "Logs::LogGroup",
    "cloudwatch_metric_alarm": "CloudWatch::Alarm",
    "ecr_lifecycle_policy": "ECR::Repository",
    "ecr_repository": "ECR::Repository",
    "ecr_repository_policy": "ECR::Repository",
    "ecs_cluster": "ECS::Cluster",
    "ecs_task_definition": "ECS::TaskDefinition",
    "iam_role": "IAM::Role",
    "iam_role_policy": "IAM::RolePolicy",
    "lambda_alias": "Lambda::Alias",
    "lambda_event_source_mapping": "Lambda::EventSourceMapping",
    "lambda_function": "Lambda::Function",
    "lambda_function_event_invoke_config": "Lambda::EventInvokeConfig",
    "lambda_permission": "Lambda::Permission",
    "s3_bucket": "S3::Bucket",
    "s3_bucket_policy": "S3::BucketPolicy",
    "s3_bucket_public_access_block": "S3::Bucket",
    "scheduler_schedule": "Scheduler::Schedule",
    "scheduler_schedule_group": "Scheduler::ScheduleGroup",
    "security_group": "EC2::SecurityGroup",
    "sns_topic": "SNS::Topic",
    "sns_topic_policy": "SNS::TopicPolicy",
    "sns_topic_subscription": "SNS::Subscription",
    "sqs_queue": "SQS::Queue",
    "sqs_queue_policy": "SQS::QueuePolicy",
    "ssm_parameter": "SSM::Parameter",
    "vpc_security_group_egress_rule": "EC2::SecurityGroupEgress",
}
"""The types of CloudFormation that Terraform's are: its provider has no list of regions."""


def offered() -> list[str]:
    """The regions of the question."""
    text = (ROOT / "hooks" / "validators.jinja").read_text(encoding="utf-8").partition("aws_region")[2]
    return re.findall(r"[a-z]+-[a-z-]+-\d", text.partition("{%- if")[0])


def types(iac: str) -> set[str]:
    """The types of what a tool creates, in all cases."""
    if iac == "terraform":
        text = "".join(path.read_text(encoding="utf-8") for path in (TEMPLATE / "infra" / "terraform").glob("*.tf"))
        return {f"AWS::{TERRAFORM[kind]}" for kind in re.findall(r'^resource "aws_(\w+)"', text, re.MULTILINE)}
    built: list[Any] = [build_case(iac, index) for index in range(len(CASES))]
    return {kind for one in built for kind, _ in one.resources.values()}


@pytest.fixture(scope="module")
def unknown() -> dict[str, dict[str, list[str]]]:
    """For each tool and each region, the types that CloudFormation doesn't know there, by cfn-lint's copies of its lists."""
    everything = sorted({kind for iac in ("sam", "cdk", "terraform") for kind in types(iac)} | {"AWS::Budgets::Budget"})
    command = [TEMPLATE / "uvw", "tool", "run", "--quiet", "--from", "cfn-lint==1.58.0", "python"]
    script = ROOT / "tests" / "infra" / "region_types.py"
    done = subprocess.run(
        [*command, script, *offered(), *everything], env=environment(), capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    missing = json.loads(done.stdout)
    return {
        iac: {region: sorted(types(iac).intersection(missing[region])) for region in offered()}
        for iac in ("sam", "cdk", "terraform")
    } | {"all": missing}


@pytest.mark.parametrize("iac", ["sam", "cdk", "terraform"])
def test_every_offered_region_knows_each_type_but_for_a_cdn_where_it_is_refused(
    iac: str, unknown: dict[str, dict[str, list[str]]]
) -> None:
    assert len(unknown[iac]) == len(offered()) == 39
    lacking = {region: kinds for region, kinds in unknown[iac].items() if kinds}
    assert all(kind.startswith("AWS::CloudFront::") for kinds in lacking.values() for kind in kinds)
    session = boto3.Session()
    assert cdn.PARTITION not in {session.get_partition_for_region(region) for region in lacking}


def test_the_lists_differ_by_region(unknown: dict[str, dict[str, list[str]]]) -> None:
    """Or the test above would say nothing."""
    assert unknown["all"]["eu-north-1"] == ["AWS::Budgets::Budget"]
    assert unknown["all"]["us-east-1"] == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_offered_region_has_an_endpoint_of_each_service(service: str) -> None:
    session = boto3.Session()
    known = {
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions(service, partition_name=partition)
    }
    assert set(offered()) <= known


def test_zones_with_fargate_are_of_offered_regions() -> None:
    assert FARGATE_ZONES.keys() <= set(offered())
