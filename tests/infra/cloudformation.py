"""A description of the system from CloudFormation templates, as written by `cdk synth` or SAM's translator."""

import json
import re
from typing import Any

from normalize import ACCOUNT, charts, many, statements
from templates import Templates


class Stage(Templates):
    """A stage that can be described."""

    def describe(self) -> dict[str, Any]:
        """The description."""
        return describe(self)


SUPPORT = {
    "CDK::Metadata",
    "IAM::ManagedPolicy",
    "IAM::Policy",
    "IAM::Role",
    "IAM::RolePolicy",
    "SNS::Topic",
}
"""Types that are described as part of others."""


def describe(templates: Templates) -> dict[str, Any]:
    """The description."""
    templates.described_types = set()
    description = _describe(templates)
    kinds = {kind.removeprefix("AWS::") for kind, _ in templates.resources.values()}
    return description | {
        "others": sorted(kinds - templates.described_types - SUPPORT),
        "kept when all is destroyed": _kept(templates, "DeletionPolicy"),
        "kept when replaced": _kept(templates, "UpdateReplacePolicy"),
    }


def _kept(templates: Templates, attribute: str) -> list[str]:
    policies = {
        (resource["Type"].removeprefix("AWS::"), resource.get(attribute, "Delete"))
        for resource in templates.raw.values()
    }
    return sorted(f"{kind}: {policy}" for kind, policy in policies if policy != "Delete")


def _describe(templates: Templates) -> dict[str, Any]:
    return {
        "functions": {one["FunctionName"]: _function(one) for one in templates.of("Lambda::Function")},
        "aliases": sorted(
            f"{one['FunctionName']}:{one['Name']} {one['FunctionVersion']}" for one in templates.of("Lambda::Alias")
        ),
        "versions": sorted(one["FunctionName"] for one in templates.of("Lambda::Version")),
        "async": {one["FunctionName"]: _async(one) for one in templates.of("Lambda::EventInvokeConfig")},
        "calls": sorted(
            f"{one['Principal']} {one['Action']} {one['FunctionName']} from {one['SourceArn']}"
            for one in templates.of("Lambda::Permission")
        ),
        "api": _api(templates),
        "queues": {one["QueueName"]: _queue(one) for one in templates.of("SQS::Queue")},
        "sources": {one["EventSourceArn"]: _source(one) for one in templates.of("Lambda::EventSourceMapping")},
        "rules": {one["Name"]: _rule(one) for one in templates.of("Events::Rule")},
        "queue policies": {
            one["Queues"][0].rpartition("/")[2]: statements(one["PolicyDocument"]["Statement"])
            for one in templates.of("SQS::QueuePolicy")
        },
        "groups": [one["Name"] for one in templates.of("Scheduler::ScheduleGroup")],
        "schedules": {one["Name"]: _schedule(one) for one in templates.of("Scheduler::Schedule")},
        "clusters": [one["ClusterName"] for one in templates.of("ECS::Cluster")],
        "tasks": {one["Family"]: _task(one) for one in templates.of("ECS::TaskDefinition")},
        "roles": _roles(templates),
        "logs": {one["LogGroupName"]: int(one["RetentionInDays"]) for one in templates.of("Logs::LogGroup")},
        "network": _network(templates),
        "alarms": {one["AlarmName"]: _alarm(one) for one in templates.of("CloudWatch::Alarm")},
        "topics": {
            one["Topics"][0]: statements(one["PolicyDocument"]["Statement"]) for one in templates.of("SNS::TopicPolicy")
        },
        "subscriptions": [
            f"{one['Protocol']} {one['Endpoint']} of {one['TopicArn']}, failed: "
            f"{one.get('RedrivePolicy', {}).get('deadLetterTargetArn', '')}"
            for one in sorted(templates.of("SNS::Subscription"), key=lambda one: (one["TopicArn"], one["Endpoint"]))
        ],
        "dashboards": {
            one["DashboardName"]: charts(one["DashboardBody"]) for one in templates.of("CloudWatch::Dashboard")
        },
        "repositories": {one["RepositoryName"]: _repository(one) for one in templates.of("ECR::Repository")},
        "buckets": {
            one["BucketName"]: _bucket(one)
            for one in templates.of("S3::Bucket")
            if not one["BucketName"].endswith(f"-page-{ACCOUNT}")
        },
        "cdn": _cdn(templates),
        "parameters": {one["Name"]: [one["Type"], one["Value"]] for one in templates.of("SSM::Parameter")},
    }


def _function(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": properties["Description"],
        "package": properties["PackageType"],
        "image": properties["Code"]["ImageUri"],
        "command": properties["ImageConfig"]["Command"],
        "architecture": properties["Architectures"],
        "memory": int(properties["MemorySize"]),
        "timeout": int(properties["Timeout"]),
        "at most": int(properties.get("ReservedConcurrentExecutions", -1)),
        "environment": properties["Environment"]["Variables"],
        "logs": [
            properties["LoggingConfig"][key]
            for key in ("LogGroup", "LogFormat", "SystemLogLevel", "ApplicationLogLevel")
        ],
        "role": properties["Role"],
    }


def _async(properties: dict[str, Any]) -> dict[str, Any]:
    failed = properties["DestinationConfig"]["OnFailure"]["Destination"]
    return {"of": properties["Qualifier"], "retries": properties["MaximumRetryAttempts"], "failed": failed}


def _api(templates: Templates) -> dict[str, Any]:
    [api] = templates.of("ApiGatewayV2::Api")
    [stage] = templates.of("ApiGatewayV2::Stage")
    routes = {}
    for one in templates.of("ApiGatewayV2::Route"):
        integration = templates.resources[one["Target"].removeprefix("integrations/")][1]
        settings = [integration[key] for key in ("IntegrationType", "IntegrationUri", "PayloadFormatVersion")]
        routes[one["RouteKey"]] = [one["ApiId"], integration["ApiId"], *settings, one.get("AuthorizationType", "NONE")]
    templates.of("ApiGatewayV2::Integration")
    domains = [
        [one["DomainName"], *(entry[key] for key in ("CertificateArn", "EndpointType", "SecurityPolicy"))]
        for one in templates.of("ApiGatewayV2::DomainName")
        for entry in one["DomainNameConfigurations"]
    ]
    mapped = [[one["DomainName"], one["ApiId"], one["Stage"]] for one in templates.of("ApiGatewayV2::ApiMapping")]
    return {
        "name": [api["Name"], api["ProtocolType"]],
        "at AWS's address": not api.get("DisableExecuteApiEndpoint", False),
        "routes": routes,
        "stage": [stage["ApiId"], stage["StageName"], stage["AutoDeploy"]],
        "at most": [int(stage["DefaultRouteSettings"][f"Throttling{key}Limit"]) for key in ("Rate", "Burst")],
        "domains": domains,
        "mapped": mapped,
    }


def _queue(properties: dict[str, Any]) -> dict[str, Any]:
    redrive = properties.get("RedrivePolicy")
    return {
        "fifo": properties.get("FifoQueue", False),
        "deduplicated by content": properties.get("ContentBasedDeduplication", False),
        "hidden": properties.get("VisibilityTimeout", 30),
        "kept": properties["MessageRetentionPeriod"],
        "encrypted": properties["SqsManagedSseEnabled"],
        "dead": [redrive["deadLetterTargetArn"], redrive["maxReceiveCount"]] if redrive else None,
    }


def _source(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "function": properties["FunctionName"].rpartition(":function:")[2],
        "batch": properties["BatchSize"],
        "answers": properties["FunctionResponseTypes"],
        "at most": int(properties["ScalingConfig"]["MaximumConcurrency"]) if "ScalingConfig" in properties else None,
        "from": properties.get("StartingPosition"),
        "bisected": properties.get("BisectBatchOnFunctionError", False),
        "retries": properties.get("MaximumRetryAttempts"),
        "only": [json.loads(one["Pattern"]) for one in properties.get("FilterCriteria", {}).get("Filters", [])],
        "failed": properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"),
    }


def _rule(properties: dict[str, Any]) -> dict[str, Any]:
    [target] = properties["Targets"]
    return {
        "description": properties["Description"],
        "bus": properties["EventBusName"],
        "pattern": properties["EventPattern"],
        "target": [target["Id"], target["Arn"], target.get("SqsParameters", {}).get("MessageGroupId")],
        "input": [target["InputTransformer"]["InputPathsMap"], target["InputTransformer"]["InputTemplate"]],
        "dead": target["DeadLetterConfig"]["Arn"],
    }


def _schedule(properties: dict[str, Any]) -> dict[str, Any]:
    target = properties["Target"]
    retry = target["RetryPolicy"]
    return {
        "description": properties["Description"],
        "group": properties["GroupName"],
        "when": [properties["ScheduleExpression"], properties["ScheduleExpressionTimezone"]],
        "window": properties["FlexibleTimeWindow"]["Mode"],
        "state": properties["State"],
        "target": target["Arn"],
        "role": target["RoleArn"],
        "input": re.sub(r"\s", "", target["Input"]),
        "retry": [retry["MaximumRetryAttempts"], retry["MaximumEventAgeInSeconds"]],
        "dead": target["DeadLetterConfig"]["Arn"],
    }


def _task(properties: dict[str, Any]) -> dict[str, Any]:
    [container] = properties["ContainerDefinitions"]
    return {
        "size": [int(properties["Cpu"]), int(properties["Memory"])],
        "on": [
            *properties["RequiresCompatibilities"],
            properties["NetworkMode"],
            *sorted(properties["RuntimePlatform"].values()),
        ],
        "roles": [properties["TaskRoleArn"], properties["ExecutionRoleArn"]],
        "container": [container["Name"], container["Image"], container["Essential"]],
        "runs": [container["EntryPoint"], container["Command"]],
        "environment": {one["Name"]: one["Value"] for one in container["Environment"]},
        "init": container["LinuxParameters"]["InitProcessEnabled"],
        "stop": container["StopTimeout"],
        "logs": [container["LogConfiguration"]["LogDriver"], container["LogConfiguration"]["Options"]],
    }


def _roles(templates: Templates) -> dict[str, Any]:
    documents = {
        name: properties for name, (_, properties) in templates.resources.items() if "PolicyDocument" in properties
    }
    roles = {}
    for logical, name in templates.roles.items():
        properties = templates.resources[logical][1]
        policies = [one["PolicyDocument"] for one in properties.get("Policies", [])]
        policies += [documents[policy]["PolicyDocument"] for policy in properties.get("ManagedPolicyArns", [])]
        policies += [
            one["PolicyDocument"]
            for one in documents.values()
            if logical in [*one.get("Roles", []), one.get("RoleName")]
        ]
        roles[name] = {
            "assumed": statements(properties["AssumeRolePolicyDocument"]["Statement"]),
            "boundary": properties.get("PermissionsBoundary", ""),
            "may": statements(one for policy in policies for one in policy["Statement"]),
        }
    return roles


def _network(templates: Templates) -> dict[str, Any]:
    [group] = templates.of("EC2::SecurityGroup")
    return {
        "vpc": group["VpcId"],
        "group": group["GroupDescription"],
        "in": group.get("SecurityGroupIngress", []),
        "out": [[one["IpProtocol"], one["CidrIp"]] for one in group["SecurityGroupEgress"]],
    }


def _alarm(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": properties["AlarmDescription"],
        "metric": [properties["Namespace"], properties["MetricName"], properties["Statistic"], properties["Period"]],
        "of": {one["Name"]: "api" if one["Name"] == "ApiId" else one["Value"] for one in properties["Dimensions"]},
        "when": [
            properties["ComparisonOperator"],
            int(properties["Threshold"]),
            properties["EvaluationPeriods"],
            properties["TreatMissingData"],
        ],
        "tells": properties["AlarmActions"],
    }


def _bucket(properties: dict[str, Any]) -> dict[str, Any]:
    [encryption] = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    private = properties["PublicAccessBlockConfiguration"]
    return {
        "encryption": encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"],
        "private": [
            private[name]
            for name in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
        ],
        "owner": [one["ObjectOwnership"] for one in properties["OwnershipControls"]["Rules"]],
        "cors": [
            [one["AllowedOrigins"], one["AllowedMethods"], one["MaxAge"]]
            for one in properties["CorsConfiguration"]["CorsRules"]
        ],
        "expires": [
            [one["Id"], one["Status"], one["Prefix"], one["ExpirationInDays"]]
            for one in properties["LifecycleConfiguration"]["Rules"]
        ],
    }


def _cdn(templates: Templates) -> dict[str, Any]:
    if not (distributions := templates.of("CloudFront::Distribution")):
        return {}
    [distribution] = [one["DistributionConfig"] for one in distributions]
    [policy] = [one["CachePolicyConfig"] for one in templates.of("CloudFront::CachePolicy")]
    [function] = templates.of("CloudFront::Function")
    [access] = [one["OriginAccessControlConfig"] for one in templates.of("CloudFront::OriginAccessControl")]
    [bucket] = [one for one in templates.of("S3::Bucket") if one["BucketName"].endswith(f"-page-{ACCOUNT}")]
    pages = [one for one in templates.of("S3::BucketPolicy") if one["Bucket"] == bucket["BucketName"]]
    key = policy["ParametersInCacheKeyAndForwardedToOrigin"]
    certificate = distribution.get("ViewerCertificate", {})
    private = bucket["PublicAccessBlockConfiguration"]
    return {
        "distribution": [
            distribution[name] for name in ("Comment", "Enabled", "HttpVersion", "IPV6Enabled", "PriceClass")
        ],
        "web acl": distribution.get("WebACLId", ""),
        "domains": distribution.get("Aliases", []),
        "certificate": [
            certificate.get(name) for name in ("AcmCertificateArn", "SslSupportMethod", "MinimumProtocolVersion")
        ],
        "origins": {one["Id"]: _origin(one) for one in distribution["Origins"]},
        "behaviors": {
            one.get("PathPattern", "*"): {
                "origin": one["TargetOriginId"],
                "viewers": one["ViewerProtocolPolicy"],
                "methods": sorted(one.get("AllowedMethods", ["GET", "HEAD"])),
                "cached": sorted(one.get("CachedMethods", ["GET", "HEAD"])),
                "policies": [one["CachePolicyId"], one.get("OriginRequestPolicyId")],
                "compressed": one["Compress"],
                "functions": [[each["EventType"], each["FunctionARN"]] for each in one.get("FunctionAssociations", [])],
            }
            for one in [distribution["DefaultCacheBehavior"], *distribution["CacheBehaviors"]]
        },
        "errors": {
            one["ErrorCode"]: [one["ErrorCachingMinTTL"], one.get("ResponsePagePath"), one.get("ResponseCode")]
            for one in distribution["CustomErrorResponses"]
        },
        "key": {
            "name": [policy["Name"], policy["Comment"]],
            "seconds": [policy[name] for name in ("MinTTL", "DefaultTTL", "MaxTTL")],
            "cookies": [key["CookiesConfig"]["CookieBehavior"], sorted(key["CookiesConfig"]["Cookies"])],
            "headers": [key["HeadersConfig"]["HeaderBehavior"], key["HeadersConfig"]["Headers"]],
            "queries": key["QueryStringsConfig"]["QueryStringBehavior"],
            "encodings": [key["EnableAcceptEncodingBrotli"], key["EnableAcceptEncodingGzip"]],
        },
        "function": [
            function["Name"],
            *(function["FunctionConfig"][name] for name in ("Comment", "Runtime")),
            function["AutoPublish"],
            function["FunctionCode"],
        ],
        "access": [
            access[name] for name in ("Name", "OriginAccessControlOriginType", "SigningBehavior", "SigningProtocol")
        ],
        "page": {
            "bucket": bucket["BucketName"],
            "private": [
                private[name]
                for name in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
            ],
            "policy": statements(statement for one in pages for statement in one["PolicyDocument"]["Statement"]),
        },
    }


def _origin(properties: dict[str, Any]) -> dict[str, Any]:
    custom = properties.get("CustomOriginConfig", {})
    return {
        "domain": properties["DomainName"],
        "custom": [
            custom.get("OriginProtocolPolicy"),
            custom.get("OriginSSLProtocols"),
            custom.get("OriginReadTimeout"),
        ],
        "attempts": [properties.get("ConnectionAttempts"), properties.get("ConnectionTimeout")],
        "headers": {one["HeaderName"]: one["HeaderValue"] for one in properties.get("OriginCustomHeaders", [])},
        "access": properties.get("OriginAccessControlId"),
    }


def _repository(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "scanned": properties["ImageScanningConfiguration"]["ScanOnPush"],
        "tags": properties["ImageTagMutability"],
        "emptied": properties["EmptyOnDelete"],
        "kept": json.loads(properties["LifecyclePolicy"]["LifecyclePolicyText"]),
        "policy": statements(many(properties["RepositoryPolicyText"]["Statement"])),
    }
