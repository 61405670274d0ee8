"""A description of the system from CloudFormation templates: what `cdk synth` or SAM's translator gives."""

import json
import re
from typing import Any

from normalize import charts, many, statements
from templates import Templates


class Stage(Templates):
    """A stage that can be described."""

    def describe(self) -> dict[str, Any]:
        """The description."""
        return describe(self)


IN_A_VPC = ("EC2::Subnet", "EC2::RouteTable", "EC2::VPCGatewayAttachment", "EC2::SecurityGroup")
SUPPORT = {
    "CDK::Metadata",
    "EC2::InternetGateway",
    "EC2::Route",
    "EC2::RouteTable",
    "EC2::SubnetRouteTableAssociation",
    "EC2::VPCGatewayAttachment",
    "IAM::ManagedPolicy",
    "IAM::Policy",
    "IAM::Role",
    "SNS::Topic",
}
"""Types that are told of as a part of others."""


def describe(found: Templates) -> dict[str, Any]:
    """The description."""
    found.asked = set()
    told = _describe(found)
    kinds = {kind.removeprefix("AWS::") for kind, _ in found.resources.values()}
    return told | {
        "others": sorted(kinds - found.asked - SUPPORT),
        "kept when all is destroyed": _kept(found, "DeletionPolicy"),
        "kept when replaced": _kept(found, "UpdateReplacePolicy"),
    }


def _kept(found: Templates, attribute: str) -> list[str]:
    policies = {(made["Type"].removeprefix("AWS::"), made.get(attribute, "Delete")) for made in found.raw.values()}
    return sorted(f"{kind}: {policy}" for kind, policy in policies if policy != "Delete")


def _describe(found: Templates) -> dict[str, Any]:
    return {
        "functions": {one["FunctionName"]: _function(one) for one in found.of("Lambda::Function")},
        "aliases": sorted(
            f"{one['FunctionName']}:{one['Name']} {one['FunctionVersion']}" for one in found.of("Lambda::Alias")
        ),
        "versions": sorted(one["FunctionName"] for one in found.of("Lambda::Version")),
        "async": {one["FunctionName"]: _async(one) for one in found.of("Lambda::EventInvokeConfig")},
        "calls": sorted(
            f"{one['Principal']} {one['Action']} {one['FunctionName']} from {one['SourceArn']}"
            for one in found.of("Lambda::Permission")
        ),
        "api": _api(found),
        "queues": {one["QueueName"]: _queue(one) for one in found.of("SQS::Queue")},
        "sources": {one["EventSourceArn"]: _source(one) for one in found.of("Lambda::EventSourceMapping")},
        "groups": [one["Name"] for one in found.of("Scheduler::ScheduleGroup")],
        "schedules": {one["Name"]: _schedule(one) for one in found.of("Scheduler::Schedule")},
        "clusters": [one["ClusterName"] for one in found.of("ECS::Cluster")],
        "tasks": {one["Family"]: _task(one) for one in found.of("ECS::TaskDefinition")},
        "roles": _roles(found),
        "logs": {one["LogGroupName"]: int(one["RetentionInDays"]) for one in found.of("Logs::LogGroup")},
        "network": _network(found),
        "alarms": {one["AlarmName"]: _alarm(one) for one in found.of("CloudWatch::Alarm")},
        "topics": {
            one["Topics"][0]: statements(one["PolicyDocument"]["Statement"]) for one in found.of("SNS::TopicPolicy")
        },
        "told": [f"{one['Protocol']} {one['Endpoint']} of {one['TopicArn']}" for one in found.of("SNS::Subscription")],
        "budgets": [_budget(one) for one in found.of("Budgets::Budget")],
        "dashboards": {one["DashboardName"]: charts(one["DashboardBody"]) for one in found.of("CloudWatch::Dashboard")},
        "repositories": {one["RepositoryName"]: _repository(one) for one in found.of("ECR::Repository")},
    }


def _function(told: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": told["Description"],
        "package": told["PackageType"],
        "image": told["Code"]["ImageUri"],
        "command": told["ImageConfig"]["Command"],
        "architecture": told["Architectures"],
        "memory": int(told["MemorySize"]),
        "timeout": int(told["Timeout"]),
        "at most": int(told.get("ReservedConcurrentExecutions", -1)),
        "environment": told["Environment"]["Variables"],
        "logs": [told["LoggingConfig"]["LogGroup"], told["LoggingConfig"].get("LogFormat", "Text")],
        "role": told["Role"],
    }


def _async(told: dict[str, Any]) -> dict[str, Any]:
    failed = told["DestinationConfig"]["OnFailure"]["Destination"]
    return {"of": told["Qualifier"], "retries": told["MaximumRetryAttempts"], "failed": failed}


def _api(found: Templates) -> dict[str, Any]:
    [api] = found.of("ApiGatewayV2::Api")
    [stage] = found.of("ApiGatewayV2::Stage")
    routes = {}
    for one in found.of("ApiGatewayV2::Route"):
        integration = found.resources[one["Target"].removeprefix("integrations/")][1]
        told = [integration[key] for key in ("IntegrationType", "IntegrationUri", "PayloadFormatVersion")]
        routes[one["RouteKey"]] = [one["ApiId"], integration["ApiId"], *told, one.get("AuthorizationType", "NONE")]
    found.of("ApiGatewayV2::Integration")
    domains = [
        [one["DomainName"], *(entry[key] for key in ("CertificateArn", "EndpointType", "SecurityPolicy"))]
        for one in found.of("ApiGatewayV2::DomainName")
        for entry in one["DomainNameConfigurations"]
    ]
    mapped = [[one["DomainName"], one["ApiId"], one["Stage"]] for one in found.of("ApiGatewayV2::ApiMapping")]
    return {
        "name": [api["Name"], api["ProtocolType"]],
        "at AWS's address": not api.get("DisableExecuteApiEndpoint", False),
        "routes": routes,
        "stage": [stage["ApiId"], stage["StageName"], stage["AutoDeploy"]],
        "domains": domains,
        "mapped": mapped,
    }


def _queue(told: dict[str, Any]) -> dict[str, Any]:
    redrive = told.get("RedrivePolicy")
    return {
        "fifo": told.get("FifoQueue", False),
        "hidden": told.get("VisibilityTimeout", 30),
        "kept": told["MessageRetentionPeriod"],
        "encrypted": told["SqsManagedSseEnabled"],
        "dead": [redrive["deadLetterTargetArn"], redrive["maxReceiveCount"]] if redrive else None,
    }


def _source(told: dict[str, Any]) -> dict[str, Any]:
    return {
        "function": told["FunctionName"].rpartition(":function:")[2],
        "batch": told["BatchSize"],
        "answers": told["FunctionResponseTypes"],
        "at most": int(told["ScalingConfig"]["MaximumConcurrency"]),
    }


def _schedule(told: dict[str, Any]) -> dict[str, Any]:
    target = told["Target"]
    retry = target["RetryPolicy"]
    return {
        "description": told["Description"],
        "group": told["GroupName"],
        "when": [told["ScheduleExpression"], told["ScheduleExpressionTimezone"]],
        "window": told["FlexibleTimeWindow"]["Mode"],
        "state": told["State"],
        "target": target["Arn"],
        "role": target["RoleArn"],
        "input": re.sub(r"\s", "", target["Input"]),
        "retry": [retry["MaximumRetryAttempts"], retry["MaximumEventAgeInSeconds"]],
        "dead": target["DeadLetterConfig"]["Arn"],
    }


def _task(told: dict[str, Any]) -> dict[str, Any]:
    [container] = told["ContainerDefinitions"]
    return {
        "size": [int(told["Cpu"]), int(told["Memory"])],
        "on": [*told["RequiresCompatibilities"], told["NetworkMode"], *sorted(told["RuntimePlatform"].values())],
        "roles": [told["TaskRoleArn"], told["ExecutionRoleArn"]],
        "container": [container["Name"], container["Image"], container["Essential"]],
        "runs": [container["EntryPoint"], container["Command"]],
        "environment": {one["Name"]: one["Value"] for one in container["Environment"]},
        "init": container["LinuxParameters"]["InitProcessEnabled"],
        "stop": container["StopTimeout"],
        "logs": [container["LogConfiguration"]["LogDriver"], container["LogConfiguration"]["Options"]],
    }


def _roles(found: Templates) -> dict[str, Any]:
    documents = {name: told for name, (_, told) in found.resources.items() if "PolicyDocument" in told}
    roles = {}
    for logical, name in found.roles.items():
        told = found.resources[logical][1]
        policies = [one["PolicyDocument"] for one in told.get("Policies", [])]
        policies += [documents[policy]["PolicyDocument"] for policy in told.get("ManagedPolicyArns", [])]
        policies += [one["PolicyDocument"] for one in documents.values() if logical in one.get("Roles", [])]
        roles[name] = {
            "assumed": statements(told["AssumeRolePolicyDocument"]["Statement"]),
            "may": statements(one for policy in policies for one in policy["Statement"]),
        }
    return roles


def _network(found: Templates) -> dict[str, Any]:
    [group] = found.of("EC2::SecurityGroup")
    vpcs = found.of("EC2::VPC")
    routed = {one["RouteTableId"]: [one["DestinationCidrBlock"], one["GatewayId"]] for one in found.of("EC2::Route")}
    tables = {one["SubnetId"]: one["RouteTableId"] for one in found.of("EC2::SubnetRouteTableAssociation")}
    return {
        "vpc": [
            [
                one["CidrBlock"],
                one["EnableDnsSupport"],
                one["EnableDnsHostnames"],
                one.get("InstanceTenancy", "default"),
            ]
            for one in vpcs
        ],
        "in the vpc": sorted({one["VpcId"] for kind in IN_A_VPC for one in found.of(kind)}),
        "subnets": sorted(
            [one["CidrBlock"], one["AvailabilityZone"], one["MapPublicIpOnLaunch"], *routed[tables[one["CidrBlock"]]]]
            for one in found.of("EC2::Subnet")
        ),
        "gateways": [one["InternetGatewayId"] for one in found.of("EC2::VPCGatewayAttachment")],
        "group": group["GroupDescription"],
        "in": group.get("SecurityGroupIngress", []),
        "out": [[one["IpProtocol"], one["CidrIp"]] for one in group["SecurityGroupEgress"]],
    }


def _alarm(told: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": told["AlarmDescription"],
        "metric": [told["Namespace"], told["MetricName"], told["Statistic"], told["Period"]],
        "of": {one["Name"]: "api" if one["Name"] == "ApiId" else one["Value"] for one in told["Dimensions"]},
        "when": [
            told["ComparisonOperator"],
            int(told["Threshold"]),
            told["EvaluationPeriods"],
            told["TreatMissingData"],
        ],
        "tells": told["AlarmActions"],
    }


def _budget(told: dict[str, Any]) -> dict[str, Any]:
    budget = told["Budget"]
    limit = budget["BudgetLimit"]
    return {
        "name": [budget["BudgetName"], budget["BudgetType"], budget["TimeUnit"]],
        "limit": [float(limit["Amount"]), limit["Unit"]],
        "tells": [
            [
                *(one["Notification"][key] for key in ("NotificationType", "ComparisonOperator", "Threshold")),
                one["Notification"]["ThresholdType"],
                [[subscriber["SubscriptionType"], subscriber["Address"]] for subscriber in one["Subscribers"]],
            ]
            for one in told["NotificationsWithSubscribers"]
        ],
    }


def _repository(told: dict[str, Any]) -> dict[str, Any]:
    return {
        "scanned": told["ImageScanningConfiguration"]["ScanOnPush"],
        "emptied": told["EmptyOnDelete"],
        "kept": json.loads(told["LifecyclePolicy"]["LifecyclePolicyText"]),
        "policy": statements(many(told["RepositoryPolicyText"]["Statement"])),
    }
