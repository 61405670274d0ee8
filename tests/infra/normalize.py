"""Normalized descriptions of infrastructure: generated names, policies, dashboards; and their comparison."""

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

ACCOUNT = "123456789012"
DISTRIBUTION_DOMAIN = "d111111abcdef8.cloudfront.net"
CDN = {
    "AWS::CloudFront::Distribution": "EDFDVBD6EXAMPLE",
    "AWS::CloudFront::CachePolicy": "the cache policy",
    "AWS::CloudFront::Function": "the function",
    "AWS::CloudFront::OriginAccessControl": "the access control",
}
"""The id, or the ARN of the function, that CloudFront would generate for the one resource of a type."""


@dataclass(frozen=True)
class AwsNames:
    """The ARNs and URLs that AWS would generate in a region."""

    region: str

    def arn(self, service: str, resource: str) -> str:
        region = "" if service == "iam" else self.region
        return f"arn:aws:{service}:{region}:{ACCOUNT}:{resource}"

    def role(self, name: str) -> str:
        return self.arn("iam", f"role/{name}")

    def queue(self, name: str) -> str:
        return self.arn("sqs", name)

    def queue_url(self, name: str) -> str:
        return f"https://sqs.{self.region}.amazonaws.com/{ACCOUNT}/{name}"

    def log_group(self, name: str) -> str:
        return self.arn("logs", f"log-group:{name}")

    def alias(self, function: str, name: str) -> str:
        return self.arn("lambda", f"function:{function}:{name}")

    def cluster(self, name: str) -> str:
        return self.arn("ecs", f"cluster/{name}")

    def task_definition(self, family: str) -> str:
        return self.arn("ecs", f"task-definition/{family}:1")

    def rule(self, bus: str, name: str) -> str:
        path = "" if bus == "default" else f"{bus.rpartition('/')[2]}/"
        return self.arn("events", f"rule/{path}{name}")

    def topic(self, name: str) -> str:
        return self.arn("sns", name)

    def bucket(self, name: str) -> str:
        return f"arn:aws:s3:::{name}"

    def bucket_domain(self, name: str) -> str:
        return f"{name}.s3.{self.region}.amazonaws.com"

    def distribution(self, id: str) -> str:
        return f"arn:aws:cloudfront::{ACCOUNT}:distribution/{id}"

    def repository(self, name: str) -> str:
        return self.arn("ecr", f"repository/{name}")


def many(value: Any) -> list[Any]:
    """The value, or a list with it as the only item."""
    return value if isinstance(value, list) else [value]


def statements(documents: Iterable[dict[str, Any]]) -> list[str]:
    """IAM statements as a sorted list of single permissions without duplicates."""
    single = set()
    for statement in documents:
        condition = {
            test: {key: sorted(many(value)) for key, value in keys.items()}
            for test, keys in (statement.get("Condition") or {}).items()
        }
        principals = [
            f"{kind} {one}" for kind, values in (statement.get("Principal") or {}).items() for one in many(values)
        ]
        for action, resource, principal in itertools.product(
            many(statement["Action"]), many(statement.get("Resource", "")), principals or [""]
        ):
            words = [
                statement["Effect"],
                action,
                f"on {resource}" * bool(resource),
                f"for {principal}" * bool(principal),
            ]
            words.append(f"if {json.dumps(condition, sort_keys=True)}" * bool(condition))
            single.add(" ".join(word for word in words if word))
    return sorted(single)


def charts(body: str) -> list[dict[str, Any]]:
    """A dashboard's widgets, each metric with its statistic and period."""
    widgets = []
    for widget in json.loads(body)["widgets"]:
        shared = widget["properties"]
        metrics = []
        for metric in shared["metrics"]:
            own = metric[-1] if isinstance(metric[-1], dict) else {}
            words = [word for word in metric if not isinstance(word, dict)]
            metrics.append([*words, own.get("stat", shared.get("stat")), own.get("period", shared.get("period"))])
        position = {name: widget[name] for name in ("x", "y", "width", "height")}
        widgets.append(position | {"title": shared["title"], "region": shared["region"], "metrics": sorted(metrics)})
    return widgets


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """All fields by their paths."""
    if isinstance(value, dict) and value:
        return {key: one for name, inner in value.items() for key, one in flat(inner, f"{path}/{name}").items()}
    return {path: value}


def compare(iac: str, one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """A line for each field that differs."""
    ours, theirs = flat(one), flat(other)
    return [
        f"{path}\n  sam        {ours.get(path, '(nothing)')}\n  {iac:<10} {theirs.get(path, '(nothing)')}"
        for path in sorted(ours.keys() | theirs.keys())
        if path not in ours or path not in theirs or ours[path] != theirs[path]
    ]
