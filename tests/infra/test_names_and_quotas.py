"""The longest names that may be declared are accepted by AWS, and twenty stages fit into an account with default quotas."""

import re
from collections import Counter
from itertools import chain
from typing import Any

import pytest
from cases import CASES, build_case
from normalize import many
from tools import LONGEST_FIFO_QUEUE, LONGEST_JOB, LONGEST_QUEUE, LONGEST_RESOURCE, LONGEST_RULE, LONGEST_SCHEDULE

from kit.jobs import decorators, on
from kit.ops.stage import NAME

STAGES = 20
LONGEST = len(CASES) - 1
IN_AN_ID = r"[\w.-]+"
NAMES: dict[str, tuple[int, str, str]] = {
    "ApiGatewayV2::Api.Name": (128, ".+", "Amazon API Gateway V2 API Reference, CreateApi"),
    "CloudFront::CachePolicy.CachePolicyConfig.Name": (
        128,
        r"[\w-]+",
        "Amazon CloudFront API Reference, CachePolicyConfig",
    ),
    "CloudFront::Distribution.DistributionConfig.Comment": (
        128,
        ".+",
        "Amazon CloudFront API Reference, DistributionConfig",
    ),
    "CloudFront::Function.Name": (64, r"[a-zA-Z0-9-_]+", "Amazon CloudFront API Reference, CreateFunction"),
    "CloudFront::OriginAccessControl.OriginAccessControlConfig.Name": (
        64,
        ".+",
        "Amazon CloudFront API Reference, OriginAccessControlConfig",
    ),
    "CloudWatch::Alarm.AlarmName": (255, ".+", "Amazon CloudWatch API Reference, PutMetricAlarm"),
    "CloudWatch::Alarm.AlarmDescription": (1024, ".+", "as AlarmName"),
    "CloudWatch::Dashboard.DashboardName": (255, r"[\w-]+", "Amazon CloudWatch API Reference, PutDashboard"),
    "EC2::SecurityGroup.GroupDescription": (
        255,
        r"[\w .:/()#,@\[\]+=&;{}!$*-]+",
        "Amazon EC2 API Reference, CreateSecurityGroup",
    ),
    "ECR::Repository.RepositoryName": (
        256,
        r"[a-z0-9]+([._-][a-z0-9]+)*",
        "Amazon ECR API Reference, CreateRepository",
    ),
    "ECS::Cluster.ClusterName": (255, r"[\w-]+", "Amazon ECS API Reference, CreateCluster"),
    "ECS::TaskDefinition.Family": (255, r"[\w-]+", "Amazon ECS API Reference, RegisterTaskDefinition"),
    "Events::Rule.Name": (64, IN_AN_ID, "Amazon EventBridge API Reference, PutRule"),
    "Events::Rule.Description": (512, ".+", "as Name"),
    "Events::Rule.EventBusName": (1600, r"[/\w.:-]+", "as Name; a bus's own name has 256"),
    "IAM::ManagedPolicy.ManagedPolicyName": (128, r"[\w+=,.@-]+", "IAM API Reference, CreatePolicy"),
    "IAM::Role.RoleName": (64, r"[\w+=,.@-]+", "IAM API Reference, CreateRole"),
    "IAM::RolePolicy.PolicyName": (128, r"[\w+=,.@-]+", "IAM API Reference, PutRolePolicy"),
    "IAM::Policy.PolicyName": (128, r"[\w+=,.@-]+", "IAM API Reference, PutRolePolicy"),
    "Lambda::Alias.Name": (128, r"(?!^[0-9]+$)[\w-]+", "AWS Lambda API Reference, CreateAlias"),
    "Lambda::Function.FunctionName": (64, r"[\w-]+", "AWS Lambda API Reference, CreateFunction"),
    "Lambda::Function.Description": (256, ".+", "as FunctionName"),
    "Logs::LogGroup.LogGroupName": (512, r"[\w./#-]+", "Amazon CloudWatch Logs API Reference, CreateLogGroup"),
    "S3::Bucket.BucketName": (63, r"[a-z0-9.-]+", "Amazon S3 API Reference, CreateBucket"),
    "SSM::Parameter.Name": (
        1011,
        r"[\w./-]+",
        "AWS Systems Manager API Reference, PutParameter: with the rest of its ARN",
    ),
    "SNS::Topic.TopicName": (256, r"[\w-]+", "Amazon SNS API Reference, CreateTopic"),
    "SQS::Queue.QueueName": (80, r"[\w-]+(\.fifo)?", "Amazon SQS API Reference, CreateQueue"),
    "Scheduler::Schedule.Description": (512, ".+", "Amazon EventBridge Scheduler API Reference, CreateSchedule"),
    "Scheduler::Schedule.Name": (64, IN_AN_ID, "as Description"),
    "Scheduler::ScheduleGroup.Name": (64, IN_AN_ID, "Amazon EventBridge Scheduler API Reference, CreateScheduleGroup"),
}
"""Of each name: its most characters, the letters that it may have, and the source of both."""
NAMELESS = {
    "ApiGatewayV2::ApiMapping",
    "ApiGatewayV2::DomainName",
    "ApiGatewayV2::Integration",
    "ApiGatewayV2::Route",
    "ApiGatewayV2::Stage",
    "Lambda::EventInvokeConfig",
    "Lambda::EventSourceMapping",
    "Lambda::Permission",
    "S3::BucketPolicy",
    "SNS::Subscription",
    "SNS::TopicPolicy",
    "SQS::QueuePolicy",
}
"""Types without a name that is derived from the project, the stage or a declaration."""
QUOTAS: dict[str, tuple[int, str]] = {
    "ApiGatewayV2::Api": (600, "Amazon API Gateway Developer Guide, quotas: regional APIs per Region"),
    "ApiGatewayV2::DomainName": (120, "Amazon API Gateway Developer Guide, quotas: custom domains per Region"),
    "CloudFront::CachePolicy": (20, "Amazon CloudFront Developer Guide, quotas: cache policies per account"),
    "CloudFront::Distribution": (500, "Amazon CloudFront Developer Guide, quotas: distributions per account"),
    "CloudFront::Function": (100, "Amazon CloudFront Developer Guide, quotas: functions per account"),
    "CloudFront::OriginAccessControl": (
        100,
        "Amazon CloudFront Developer Guide, quotas: origin access controls per account",
    ),
    "CloudWatch::Alarm": (5_000, "Amazon CloudWatch User Guide, service quotas: alarms per Region"),
    "CloudWatch::Dashboard": (500, "Amazon CloudWatch User Guide, service quotas; dashboards have no documented quota"),
    "EC2::SecurityGroup": (2_500, "Amazon VPC User Guide, quotas: security groups per Region"),
    "ECR::Repository": (10_000, "Amazon ECR User Guide, service quotas: repositories per Region"),
    "ECS::Cluster": (10_000, "Amazon ECS Developer Guide, service quotas: clusters per account"),
    "Events::Rule": (100, "Amazon EventBridge User Guide, quotas: rules per bus; 300 but for two regions"),
    "IAM::ManagedPolicy": (1_500, "IAM User Guide, quotas: customer managed policies per account"),
    "IAM::Role": (1_000, "IAM User Guide, quotas: roles per account"),
    "Logs::LogGroup": (10_000, "Amazon CloudWatch Logs User Guide, quotas: 1,000,000 today, 10,000 before"),
    "S3::Bucket": (10_000, "Amazon S3 User Guide, bucket quotas: general purpose buckets per account"),
    "SNS::Subscription": (12_500_000, "AWS General Reference, Amazon SNS quotas: subscriptions per topic"),
    "SNS::Topic": (100_000, "AWS General Reference, Amazon SNS quotas: topics per account"),
    "Scheduler::Schedule": (1_000_000, "EventBridge Scheduler User Guide, quotas: 10,000,000 today"),
    "Scheduler::ScheduleGroup": (500, "EventBridge Scheduler User Guide, quotas: schedule groups per Region"),
    "CloudFormation stack": (2_000, "AWS CloudFormation User Guide, quotas: stacks per Region"),
    "SSM parameter": (10_000, "AWS General Reference, Systems Manager quotas: standard parameters per Region"),
    "budget": (20_000, "AWS Cost Management User Guide, quotas: budgets per account"),
    "VPC": (5, "Amazon VPC User Guide, quotas: VPCs per Region; a stage has none of its own"),
}
"""The default quota of an account, or of a region, for what a stage has, and its source."""
WITHOUT_QUOTA = {
    "Lambda::Function": "by number there is none; the 75 GB of storage are for .zip archives, and ECR stores images",
    "ECS::TaskDefinition": "there is one of revisions in a family, a million",
    "SQS::Queue": "there is none by number",
    **dict.fromkeys(NAMELESS - QUOTAS.keys(), "it is a part of an API, a bucket, a function, a topic or a queue"),
    "SSM::Parameter": "counted as the SSM parameters that are in no template",
    **dict.fromkeys(("IAM::Policy", "IAM::RolePolicy", "Lambda::Alias"), "it is a part of a role or a function"),
}
BESIDES = {"CloudFormation stack": 2, "SSM parameter": 5, "budget": 1, "VPC": 0}
"""What a stage has that is in no template."""


def resources(iac: str, index: int) -> list[tuple[str, dict[str, Any]]]:
    """The type and the properties of each resource."""
    built: Any = build_case(iac, index)
    everything = built.resources.values()
    return [(kind.removeprefix("AWS::"), properties) for kind, properties in everything if kind != "AWS::CDK::Metadata"]


def test_the_names_are_the_longest_that_may_be_declared() -> None:
    case = CASES[LONGEST]
    assert (len(case.project), len(case.stage)) == (30, 12)
    assert NAME.fullmatch(case.stage) and not NAME.fullmatch(case.stage + "x")
    assert len(LONGEST_QUEUE) == len(LONGEST_FIFO_QUEUE.removesuffix(".fifo")) == decorators.MAX_QUEUE
    assert (len(LONGEST_RULE), len(LONGEST_JOB)) == (on.MAX_NAME, decorators.MAX_NAME)
    assert (len(LONGEST_RESOURCE), len(LONGEST_SCHEDULE)) == (40, 64)


@pytest.mark.parametrize("iac", ["sam", "cdk"])
def test_aws_accepts_every_name(iac: str) -> None:
    """Terraform's are the same: test_parity.py."""
    lengths: Counter[str] = Counter()
    for kind, properties in resources(iac, LONGEST):
        limits = {field: limit for field, limit in NAMES.items() if field.partition(".")[0] == kind}
        assert limits or kind in NAMELESS, f"{kind} has no limits"
        for field, (most, letters, source) in limits.items():
            name: Any = properties
            for part in field.split(".")[1:]:
                name = name.get(part, {})
            if name:
                assert len(name) <= most and re.fullmatch(letters, name), f"{field} is {name!r}: {source}"
                lengths[field] = max(lengths[field], len(name))
    assert lengths["SQS::Queue.QueueName"] == 80
    assert lengths["Events::Rule.Name"] == lengths["Scheduler::Schedule.Name"] == 64


def test_aws_accepts_every_name_that_is_in_no_template() -> None:
    """Source of each: SSM and Budgets API Reference; CloudFormation User Guide; CloudWatch API Reference, PutMetricData."""
    case = CASES[LONGEST]
    prefix = case.resource_prefix
    for template in build_case("sam", LONGEST).templates:  # type: ignore[attr-defined]
        assert all(re.fullmatch("[A-Za-z0-9]{1,255}", id) for id in template["Resources"])
    assert re.fullmatch(r"[a-zA-Z][a-zA-Z0-9-]{0,127}", f"{prefix}-image")
    assert (
        len(f"arn:aws-us-gov:ssm:us-gov-east-1:123456789012:parameter/{case.project}/{case.stage}/database-url") < 1011
    )
    assert len(prefix) <= 100 and ":" not in prefix
    targets = chain.from_iterable(
        many(properties["Targets"]) for kind, properties in resources("sam", LONGEST) if kind == "Events::Rule"
    )
    groups = [target["SqsParameters"]["MessageGroupId"] for target in targets if "SqsParameters" in target]
    assert max(map(len, groups)) == 128


@pytest.mark.parametrize("iac", ["sam", "cdk"])
@pytest.mark.parametrize("index", range(len(CASES)), ids=[case.name for case in CASES])
def test_twenty_stages_fit_into_an_account(iac: str, index: int) -> None:
    counts = Counter(kind for kind, _ in resources(iac, index)) + Counter(BESIDES)
    assert counts.keys() <= QUOTAS.keys() | WITHOUT_QUOTA.keys(), "a type of resource whose quota is not known"
    too_many = {kind: STAGES * counts[kind] for kind, (quota, _) in QUOTAS.items() if STAGES * counts[kind] > quota}
    assert not too_many
