"""CloudFormation templates of a stage with all intrinsic functions evaluated."""

import re
from typing import Any, Self

from normalize import ACCOUNT, CDN, DISTRIBUTION_DOMAIN, AwsNames

NOTHING = object()
"""The value of AWS::NoValue."""


class Templates:
    """Templates of a stage with their parameters and all intrinsic functions evaluated."""

    def __init__(self, templates: list[dict[str, Any]], parameters: dict[str, Any], names: AwsNames) -> None:
        self.templates, self.parameter_values = templates, parameters
        self.names, self.parameters, self.conditions = names, {}, {}
        self.raw: dict[str, dict[str, Any]] = {}
        self.described_types: set[str] = set()
        for template in templates:
            self.conditions |= template.get("Conditions", {})
            for name, parameter in template.get("Parameters", {}).items():
                value = parameters.get(name, parameter.get("Default", ""))
                is_list = parameter["Type"].startswith(("CommaDelimitedList", "List<"))
                self.parameters[name] = (value.split(",") if value else []) if is_list else str(value)
            self.raw |= template["Resources"]
        self.raw = {name: resource for name, resource in self.raw.items() if self.holds(resource.get("Condition"))}
        self.roles = {
            name: self.work_out(resource["Properties"]["RoleName"])
            for name, resource in self.raw.items()
            if resource["Type"] == "AWS::IAM::Role"
        }
        self.resources = {
            name: (resource["Type"], self.work_out(resource.get("Properties", {})))
            for name, resource in self.raw.items()
        }

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The properties of every resource of a type."""
        self.described_types.add(kind)
        return [properties for type_name, properties in self.resources.values() if type_name == f"AWS::{kind}"]

    def sources(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """The type and the definition of each resource, by name."""
        return {name: (resource["Type"].removeprefix("AWS::"), resource) for name, resource in self.raw.items()}

    def again(self) -> Self:
        """A copy from the current templates."""
        return type(self)(self.templates, self.parameter_values, self.names)

    def holds(self, condition: Any) -> bool:
        """Whether a condition holds, given by name or as an expression."""
        match condition:
            case None:
                return True
            case str(name):
                return self.holds(self.conditions[name])
            case {"Fn::Equals": [left, right]}:
                return str(self.work_out(left)) == str(self.work_out(right))
            case {"Fn::Not": [inner]}:
                return not self.holds(inner)
            case {"Fn::And": both}:
                return all(self.holds(inner) for inner in both)
            case {"Condition": str(name)}:
                return self.holds(name)
        raise ValueError(condition)

    def work_out(self, value: Any) -> Any:
        """The value with its functions evaluated."""
        match value:
            case {"Ref": str(name)}:
                return self._reference(name)
            case {"Fn::GetAtt": [str(name), str(attribute)]}:
                return self._attribute(name, attribute)
            case {"Fn::GetAtt": str(both)}:
                return self._attribute(*both.split(".", 1))
            case {"Fn::If": [condition, then, otherwise]}:
                return self.work_out(then if self.holds(condition) else otherwise)
            case {"Fn::Join": [separator, parts]}:
                return separator.join(str(part) for part in self.work_out(parts))
            case {"Fn::Select": [index, parts]}:
                return self.work_out(parts)[int(index)]
            case {"Fn::Split": [separator, text]}:
                return self.work_out(text).split(separator)
            case {"Fn::Sub": [str(text), words]}:
                return self._fill(text, {name: self.work_out(word) for name, word in words.items()})
            case {"Fn::Sub": str(text)}:
                return self._fill(text, {})
            case dict():
                worked = {name: self.work_out(inner) for name, inner in value.items()}
                return {name: inner for name, inner in worked.items() if inner is not NOTHING}
            case list():
                return [inner for inner in map(self.work_out, value) if inner is not NOTHING]
        return value

    def _fill(self, text: str, words: dict[str, Any]) -> str:
        def word(match: re.Match[str]) -> str:
            name = match[1]
            if name in words:
                return str(words[name])
            return str(self._attribute(*name.split(".", 1)) if "." in name else self._reference(name))

        return re.sub(r"\$\{([\w:.]+)\}", word, text)

    def _reference(self, name: str) -> Any:
        pseudo = {
            "AWS::Partition": "aws",
            "AWS::Region": self.names.region,
            "AWS::AccountId": ACCOUNT,
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NoValue": NOTHING,
        }
        if name in pseudo:
            return pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        resource = self.raw[name]
        properties = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::SQS::Queue":
                return self.names.queue_url(self.work_out(properties["QueueName"]))
            case "AWS::ApiGatewayV2::Api":
                return "api"
            case "AWS::Lambda::Alias":
                return self.names.alias(self.work_out(properties["FunctionName"]), properties["Name"])
            case "AWS::ECS::TaskDefinition":
                return self.names.task_definition(self.work_out(properties["Family"]))
            case kind if kind in CDN:
                return CDN[kind]
            case "AWS::SNS::Topic":
                return self.names.topic(self.work_out(properties["TopicName"]))
            case kind if (named := NAMED.get(kind)) and named in properties:
                return self.work_out(properties[named])
        return name

    def _attribute(self, name: str, attribute: str) -> Any:
        resource = self.raw[name]
        properties = resource.get("Properties", {})
        match resource["Type"], attribute:
            case "AWS::SQS::Queue", "Arn":
                return self.names.queue(self.work_out(properties["QueueName"]))
            case "AWS::SQS::Queue", "QueueName":
                return self.work_out(properties["QueueName"])
            case "AWS::Events::Rule", "Arn":
                bus, rule = self.work_out(properties["EventBusName"]), self.work_out(properties["Name"])
                return self.names.rule(bus, rule)
            case "AWS::IAM::Role", "Arn":
                return self.names.role(self.roles[name])
            case "AWS::Lambda::Function", "Arn":
                return self.names.arn("lambda", f"function:{self.work_out(properties['FunctionName'])}")
            case "AWS::Logs::LogGroup", "Arn":
                return self.names.log_group(self.work_out(properties["LogGroupName"])) + ":*"
            case "AWS::ECS::Cluster", "Arn":
                return self.names.cluster(self.work_out(properties["ClusterName"]))
            case "AWS::EC2::SecurityGroup", "GroupId":
                return "sg-tasks"
            case "AWS::ApiGatewayV2::Api", "ApiEndpoint":
                return f"https://api.execute-api.{self.names.region}.amazonaws.com"
            case "AWS::CloudFront::Distribution", "DomainName":
                return DISTRIBUTION_DOMAIN
            case kind, "Id" | "FunctionARN" if kind in CDN:
                return CDN[kind]
            case "AWS::S3::Bucket", "RegionalDomainName":
                return self.names.bucket_domain(self.work_out(properties["BucketName"]))
            case "AWS::S3::Bucket", "Arn":
                return self.names.bucket(self.work_out(properties["BucketName"]))
        return f"{name}.{attribute}"


NAMED = {
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::ECS::Cluster": "ClusterName",
    "AWS::Scheduler::ScheduleGroup": "Name",
    "AWS::ApiGatewayV2::DomainName": "DomainName",
    "AWS::ApiGatewayV2::Stage": "StageName",
    "AWS::S3::Bucket": "BucketName",
}
"""Types whose reference is described by one of their properties."""
