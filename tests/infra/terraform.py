"""A description of the system from what `terraform test` applies to a mocked provider.

A plan alone knows no ids and no policies; with the provider mocked, each resource is given those that a description
writes, and everything that depends on them is worked out by Terraform itself.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from normalize import ACCOUNT, CDN, DISTRIBUTION_DOMAIN, AwsNames, charts, many, statements


def mocks(
    folder: Path, manifest: dict[str, Any], name: str, names: AwsNames, *, uploads: bool, origin_secret: str = ""
) -> str:
    """A `.tftest.hcl` that applies the configuration to a mocked provider with the names of a description."""
    text = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.tf"))
    blocks = [
        f'mock_data "aws_caller_identity" {{\n defaults = {{ account_id = "{ACCOUNT}" }}\n}}',
        'mock_data "aws_partition" {\n defaults = { partition = "aws" }\n}',
        # CloudFormation's way of reading the same parameter.
        f'mock_data "aws_ssm_parameter" {{\n defaults = {{ value = "{{{{resolve:ssm:{origin_secret}}}}}" }}\n}}',
    ]
    for document in _documents(text, manifest):
        document_json = json.dumps(json.dumps({"document": document}))
        blocks.append(
            f"override_data {{\n target = data.aws_iam_policy_document.{document}\n values = {{ json = {document_json} }}\n}}"
        )
    for target, values in _made_up(manifest, name, names, uploads):
        assignments = ", ".join(f"{key} = {json.dumps(value)}" for key, value in values.items())
        blocks.append(f"override_resource {{\n target = {target}\n values = {{ {assignments} }}\n}}")
    return 'mock_provider "aws" {\n' + "\n".join(blocks) + '\n}\nrun "all" {\n command = apply\n}\n'


def _documents(text: str, manifest: dict[str, Any]) -> Iterator[str]:
    """The addresses of the policy documents; of one for each queue, with the names of those that events go to."""
    events = manifest.get("events", [])
    queues = {event["queue"] for event in events if event["kind"] != "stream"}
    dead = {event["queue"] for event in events if event["kind"] == "topic"}
    dead |= {"default"} if any(event["kind"] == "rule" for event in events) else set()
    repeated = {"events": queues, "failed_events": dead}
    for document in re.findall(r'data "aws_iam_policy_document" "(\w+)"', text):
        if document in repeated:
            yield from (f'{document}["{queue}"]' for queue in sorted(repeated[document]))
        else:
            yield document


def _made_up(
    manifest: dict[str, Any], name: str, names: AwsNames, uploads: bool
) -> Iterator[tuple[str, dict[str, str]]]:
    for role in ("web", "jobs", "schedules", "delays", "task", "task_execution", "brake"):
        yield f"aws_iam_role.{role}", {"arn": names.role(f"{name}-{role.replace('_', '-')}")}
    for queue in manifest["queues"]:
        title, suffix = queue["name"].removesuffix(".fifo"), ".fifo" if queue["fifo"] else ""
        for kind, called in (("jobs", f"{name}-{title}{suffix}"), ("dead", f"{name}-{title}-dead{suffix}")):
            values = {"arn": names.queue(called), "url": names.queue_url(called)}
            yield f'aws_sqs_queue.{kind}["{queue["name"]}"]', values
    for event in manifest.get("events", []):
        if event["kind"] == "rule":
            bus = (
                event["bus"]
                if event["bus"] == "default" or event["bus"].startswith("arn:")
                else f"{name}-{event['bus']}"
            )
            arn = names.rule(bus, f"{name}-{event['name']}")
            yield f'aws_cloudwatch_event_rule.this["{event["name"]}"]', {"arn": arn}
    for part in ("web", "jobs"):
        yield f"aws_lambda_alias.{part}", {"arn": names.alias(f"{name}-{part}", "live")}
    yield "aws_lambda_function.brake", {"arn": names.arn("lambda", f"function:{name}-brake")}
    for part in ("web", "jobs", "tasks", "brake"):
        yield f"aws_cloudwatch_log_group.{part}", {"arn": names.log_group(f"/{name}/{part}")}
    yield "aws_ecs_cluster.this", {"arn": names.cluster(name)}
    yield "aws_ecs_task_definition.this", {"arn": names.task_definition(name)}
    yield "aws_security_group.tasks", {"id": "sg-tasks"}
    for topic in ("alarms", "brake"):
        yield f"aws_sns_topic.{topic}", {"arn": names.topic(f"{name}-{topic}")}
    yield (
        "aws_apigatewayv2_api.this",
        {
            "id": "api",
            "execution_arn": names.arn("execute-api", "api"),
            "api_endpoint": f"https://api.execute-api.{names.region}.amazonaws.com",
        },
    )
    yield "aws_ecr_repository.this", {"arn": names.repository(name)}
    page, id = f"{name}-page-{ACCOUNT}", CDN["AWS::CloudFront::Distribution"]
    yield "aws_s3_bucket.page", {"arn": names.bucket(page), "bucket_regional_domain_name": names.bucket_domain(page)}
    yield (
        "aws_cloudfront_distribution.this",
        {"id": id, "arn": names.distribution(id), "domain_name": DISTRIBUTION_DOMAIN},
    )
    yield "aws_cloudfront_cache_policy.this", {"id": CDN["AWS::CloudFront::CachePolicy"]}
    yield "aws_cloudfront_function.viewer_request", {"arn": CDN["AWS::CloudFront::Function"]}
    yield "aws_cloudfront_origin_access_control.page", {"id": CDN["AWS::CloudFront::OriginAccessControl"]}
    if uploads:
        yield "aws_s3_bucket.uploads", {"arn": names.bucket(f"{name}-uploads-{ACCOUNT}")}


class State:
    """Terraform's state."""

    def __init__(self, resources: list[dict[str, Any]]) -> None:
        self.resources = resources
        self.described_types: set[str] = set()
        self.documents = {
            one["address"].removeprefix("data.aws_iam_policy_document.").removesuffix("[0]"): one["values"]
            for one in resources
            if one["type"] == "aws_iam_policy_document"
        }

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The values of every resource of a type."""
        self.described_types.add(kind)
        return [one["values"] for one in self.resources if one["type"] == f"aws_{kind}" and one["mode"] == "managed"]

    def describe(self) -> dict[str, Any]:
        """The description."""
        return describe(self)

    def sources(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """The type and the values of each resource, by address."""
        return {one["address"]: (one["type"].removeprefix("aws_"), one["values"]) for one in self.resources}

    def again(self) -> "State":
        """A copy from the current values."""
        return State(self.resources)

    def policy(self, *texts: str) -> list[str]:
        """The statements of documents, including those of their sources."""
        return statements(statement for text in texts for statement in self._statements(text))

    def _statements(self, text: str) -> Iterator[dict[str, Any]]:
        document = self.documents[json.loads(text)["document"]]
        for source in document.get("source_policy_documents") or []:
            yield from self._statements(source)
        for statement in document["statement"] or []:
            yield {
                "Effect": statement["effect"] or "Allow",
                "Action": statement["actions"],
                "Resource": statement["resources"] or "",
                "Principal": {one["type"]: one["identifiers"] for one in statement["principals"]},
                "Condition": {one["test"]: {one["variable"]: one["values"]} for one in statement["condition"]},
            }


def read(output: str) -> list[dict[str, Any]]:
    """Read what `terraform test -json -verbose` prints."""
    for line in output.splitlines():
        record = json.loads(line)
        if state := record.get("test_state"):
            return state.get("values", state)["root_module"]["resources"]
    raise AssertionError(output)


SUPPORT = {"sns_topic"}
"""Types that are described as part of others."""


def describe(state: State) -> dict[str, Any]:
    """The description."""
    state.described_types = set()
    description = _describe(state)
    managed = [one for one in state.resources if one["mode"] == "managed"]
    kinds = {one["type"].removeprefix("aws_") for one in managed}
    kept = ["ECS::TaskDefinition: Retain" for one in managed if one["values"].get("skip_destroy")]
    assert {one["type"] for one in managed if one["values"].get("skip_destroy")} <= {"aws_ecs_task_definition"}
    return description | {
        "others": sorted(kinds - state.described_types - SUPPORT),
        "kept when all is destroyed": kept,
        "kept when replaced": kept,
    }


def _describe(state: State) -> dict[str, Any]:
    return {
        "functions": {one["function_name"]: _function(one) for one in state.of("lambda_function")},
        "aliases": sorted(
            f"{one['function_name']}:{one['name']} {one['function_version']}" for one in state.of("lambda_alias")
        ),
        "versions": sorted(one["function_name"] for one in state.of("lambda_function") if one["publish"]),
        "async": {
            one["function_name"]: {
                "of": one["qualifier"],
                "retries": one["maximum_retry_attempts"],
                "failed": one["destination_config"][0]["on_failure"][0]["destination"],
            }
            for one in state.of("lambda_function_event_invoke_config")
        },
        "calls": sorted(_call(one, state) for one in state.of("lambda_permission")),
        "api": _api(state),
        "queues": {one["name"]: _queue(one) for one in state.of("sqs_queue")},
        "sources": {one["event_source_arn"]: _source(one) for one in state.of("lambda_event_source_mapping")},
        "rules": {one["name"]: _rule(one, state) for one in state.of("cloudwatch_event_rule")},
        "queue policies": {
            one["queue_url"].rpartition("/")[2]: state.policy(one["policy"]) for one in state.of("sqs_queue_policy")
        },
        "groups": [one["name"] for one in state.of("scheduler_schedule_group")],
        "schedules": {one["name"]: _schedule(one) for one in state.of("scheduler_schedule")},
        "clusters": [one["name"] for one in state.of("ecs_cluster")],
        "tasks": {one["family"]: _task(one) for one in state.of("ecs_task_definition")},
        "roles": _roles(state),
        "logs": {one["name"]: one["retention_in_days"] for one in state.of("cloudwatch_log_group")},
        "network": _network(state),
        "alarms": {one["alarm_name"]: _alarm(one) for one in state.of("cloudwatch_metric_alarm")},
        "topics": {
            one["arn"].rpartition(":")[0] + f":{topic['name']}": state.policy(one["policy"])
            for one in state.of("sns_topic_policy")
            for topic in state.of("sns_topic")
            if topic["arn"] == one["arn"]
        },
        "subscriptions": [
            f"{one['protocol']} {one['endpoint']} of {one['topic_arn']}, failed: "
            f"{json.loads(one['redrive_policy'] or '{}').get('deadLetterTargetArn', '')}"
            for one in sorted(state.of("sns_topic_subscription"), key=lambda one: (one["topic_arn"], one["endpoint"]))
        ],
        "dashboards": {
            one["dashboard_name"]: charts(one["dashboard_body"]) for one in state.of("cloudwatch_dashboard")
        },
        "repositories": {one["name"]: _repository(one, state) for one in state.of("ecr_repository")},
        "buckets": {
            one["bucket"]: _bucket(one["bucket"], state)
            for one in state.of("s3_bucket")
            if not one["bucket"].endswith(f"-page-{ACCOUNT}")
        },
        "cdn": _cdn(state),
        "parameters": {one["name"]: [one["type"], one["value"]] for one in state.of("ssm_parameter")},
    }


def _function(resource: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": resource["description"],
        "package": resource["package_type"],
        "image": resource["image_uri"],
        "command": resource["image_config"][0]["command"],
        "architecture": resource["architectures"],
        "memory": resource["memory_size"],
        "timeout": resource["timeout"],
        "at most": -1
        if resource["reserved_concurrent_executions"] is None
        else resource["reserved_concurrent_executions"],
        "environment": resource["environment"][0]["variables"],
        "logs": [
            resource["logging_config"][0][key]
            for key in ("log_group", "log_format", "system_log_level", "application_log_level")
        ],
        "role": resource["role"],
    }


def _call(resource: dict[str, Any], state: State) -> str:
    aliases = {(one["function_name"], one["name"]): one["arn"] for one in state.of("lambda_alias")}
    called = resource["function_name"]
    function = aliases[called, resource["qualifier"]] if resource["qualifier"] else called
    return f"{resource['principal']} {resource['action']} {function} from {resource['source_arn']}"


def _api(state: State) -> dict[str, Any]:
    [api], [stage] = state.of("apigatewayv2_api"), state.of("apigatewayv2_stage")
    [integration] = state.of("apigatewayv2_integration")
    settings = [integration[key] for key in ("integration_type", "integration_uri", "payload_format_version")]
    domains = [
        [one["domain_name"], *(entry[key] for key in ("certificate_arn", "endpoint_type", "security_policy"))]
        for one in state.of("apigatewayv2_domain_name")
        for entry in one["domain_name_configuration"]
    ]
    return {
        "name": [api["name"], api["protocol_type"]],
        "at AWS's address": not api["disable_execute_api_endpoint"],
        "routes": {
            one["route_key"]: [one["api_id"], integration["api_id"], *settings, one["authorization_type"] or "NONE"]
            for one in state.of("apigatewayv2_route")
            if one["target"] == f"integrations/{integration['id']}"
        },
        "stage": [stage["api_id"], stage["name"], stage["auto_deploy"]],
        "at most": [int(stage["default_route_settings"][0][f"throttling_{key}_limit"]) for key in ("rate", "burst")],
        "domains": domains,
        "mapped": [
            [domain["domain_name"], one["api_id"], stage["name"] if one["stage"] == stage["id"] else one["stage"]]
            for one in state.of("apigatewayv2_api_mapping")
            for domain in state.of("apigatewayv2_domain_name")
            if domain["id"] == one["domain_name"]
        ],
    }


def _queue(resource: dict[str, Any]) -> dict[str, Any]:
    redrive = json.loads(resource["redrive_policy"]) if resource.get("redrive_policy", "").startswith("{") else None
    return {
        "fifo": bool(resource["fifo_queue"]),
        "deduplicated by content": bool(resource["content_based_deduplication"]),
        "hidden": resource["visibility_timeout_seconds"] or 30,
        "kept": resource["message_retention_seconds"],
        "encrypted": resource["sqs_managed_sse_enabled"],
        "dead": [redrive["deadLetterTargetArn"], redrive["maxReceiveCount"]] if redrive else None,
    }


def _source(resource: dict[str, Any]) -> dict[str, Any]:
    return {
        "function": resource["function_name"].rpartition(":function:")[2],
        "batch": resource["batch_size"],
        "answers": resource["function_response_types"],
        "at most": resource["scaling_config"][0]["maximum_concurrency"] if resource["scaling_config"] else None,
        "from": resource["starting_position"],
        "bisected": bool(resource["bisect_batch_on_function_error"]),
        "retries": resource["maximum_retry_attempts"] if resource["starting_position"] else None,
        "only": [json.loads(one["pattern"]) for criteria in resource["filter_criteria"] for one in criteria["filter"]],
        "failed": resource["destination_config"][0]["on_failure"][0]["destination_arn"]
        if resource["destination_config"]
        else None,
    }


def _rule(resource: dict[str, Any], state: State) -> dict[str, Any]:
    [target] = [one for one in state.of("cloudwatch_event_target") if one["rule"] == resource["name"]]
    [transformer], [dead] = target["input_transformer"], target["dead_letter_config"]
    assert target["event_bus_name"] == resource["event_bus_name"]
    return {
        "description": resource["description"],
        "bus": resource["event_bus_name"],
        "pattern": json.loads(resource["event_pattern"]),
        "target": [
            target["target_id"],
            target["arn"],
            target["sqs_target"][0]["message_group_id"] if target["sqs_target"] else None,
        ],
        "input": [transformer["input_paths"], transformer["input_template"]],
        "dead": dead["arn"],
    }


def _schedule(resource: dict[str, Any]) -> dict[str, Any]:
    [target], [window] = resource["target"], resource["flexible_time_window"]
    [retry], [dead] = target["retry_policy"], target["dead_letter_config"]
    return {
        "description": resource["description"],
        "group": resource["group_name"],
        "when": [resource["schedule_expression"], resource["schedule_expression_timezone"]],
        "window": window["mode"],
        "state": resource["state"] or "ENABLED",
        "target": target["arn"],
        "role": target["role_arn"],
        "input": json.dumps(json.loads(target["input"]), separators=(",", ":")),
        "retry": [retry["maximum_retry_attempts"], retry["maximum_event_age_in_seconds"]],
        "dead": dead["arn"],
    }


def _task(resource: dict[str, Any]) -> dict[str, Any]:
    [container] = json.loads(resource["container_definitions"])
    [platform] = resource["runtime_platform"]
    return {
        "size": [int(resource["cpu"]), int(resource["memory"])],
        "on": [*resource["requires_compatibilities"], resource["network_mode"], *sorted(platform.values())],
        "roles": [resource["task_role_arn"], resource["execution_role_arn"]],
        "container": [container["name"], container["image"], container["essential"]],
        "runs": [container["entryPoint"], container["command"]],
        "environment": {one["name"]: one["value"] for one in container["environment"]},
        "init": container["linuxParameters"]["initProcessEnabled"],
        "stop": container["stopTimeout"],
        "logs": [container["logConfiguration"]["logDriver"], container["logConfiguration"]["options"]],
    }


def _roles(state: State) -> dict[str, Any]:
    policies = [(one["role"], one["policy"]) for one in state.of("iam_role_policy")]
    return {
        one["name"]: {
            "assumed": state.policy(one["assume_role_policy"]),
            "boundary": one["permissions_boundary"] or "",
            "may": state.policy(*(policy for role, policy in policies if role in {one["id"], one["name"]})),
        }
        for one in state.of("iam_role")
    }


def _network(state: State) -> dict[str, Any]:
    [group] = state.of("security_group")
    return {
        "vpc": group["vpc_id"],
        "group": group["description"],
        "in": state.of("vpc_security_group_ingress_rule"),
        "out": [
            [one["ip_protocol"], one["cidr_ipv4"]]
            for one in state.of("vpc_security_group_egress_rule")
            if one["security_group_id"] == group["id"]
        ],
    }


def _alarm(resource: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": resource["alarm_description"],
        "metric": [resource["namespace"], resource["metric_name"], resource["statistic"], resource["period"]],
        "of": resource["dimensions"],
        "when": [
            resource["comparison_operator"],
            resource["threshold"],
            resource["evaluation_periods"],
            resource["treat_missing_data"],
        ],
        "tells": resource["alarm_actions"],
    }


def _bucket(name: str, state: State) -> dict[str, Any]:
    def part(kind: str) -> dict[str, Any]:
        [values] = [one for one in state.of(f"s3_bucket_{kind}") if one["bucket"] == name]
        return values

    private = part("public_access_block")
    [encryption] = part("server_side_encryption_configuration")["rule"]
    return {
        "encryption": encryption["apply_server_side_encryption_by_default"][0]["sse_algorithm"],
        "private": [
            private[name]
            for name in ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
        ],
        "owner": [one["object_ownership"] for one in part("ownership_controls")["rule"]],
        "cors": [
            [one["allowed_origins"], one["allowed_methods"], one["max_age_seconds"]]
            for one in part("cors_configuration")["cors_rule"]
        ],
        "expires": [
            [one["id"], one["status"], one["filter"][0]["prefix"], one["expiration"][0]["days"]]
            for one in part("lifecycle_configuration")["rule"]
        ],
    }


def _cdn(state: State) -> dict[str, Any]:
    if not (distributions := state.of("cloudfront_distribution")):
        return {}
    [distribution], [policy] = distributions, state.of("cloudfront_cache_policy")
    [function], [access] = state.of("cloudfront_function"), state.of("cloudfront_origin_access_control")
    [bucket] = [one for one in state.of("s3_bucket") if one["bucket"].endswith(f"-page-{ACCOUNT}")]
    pages = [one for one in state.of("s3_bucket_policy") if one["bucket"] == bucket["id"]]
    [private] = [one for one in state.of("s3_bucket_public_access_block") if one["bucket"] == bucket["id"]]
    [certificate] = distribution["viewer_certificate"]
    [key] = policy["parameters_in_cache_key_and_forwarded_to_origin"]
    [cookies], [headers], [queries] = key["cookies_config"], key["headers_config"], key["query_strings_config"]
    return {
        "distribution": [
            distribution[name] for name in ("comment", "enabled", "http_version", "is_ipv6_enabled", "price_class")
        ],
        "web acl": distribution["web_acl_id"],
        "domains": distribution["aliases"],
        "certificate": [
            certificate[name] for name in ("acm_certificate_arn", "ssl_support_method", "minimum_protocol_version")
        ],
        "origins": {one["origin_id"]: _origin(one) for one in distribution["origin"]},
        "behaviors": {
            one.get("path_pattern", "*"): {
                "origin": one["target_origin_id"],
                "viewers": one["viewer_protocol_policy"],
                "methods": sorted(one["allowed_methods"]),
                "cached": sorted(one["cached_methods"]),
                "policies": [one["cache_policy_id"], one["origin_request_policy_id"]],
                "compressed": one["compress"],
                "functions": [[each["event_type"], each["function_arn"]] for each in one["function_association"]],
            }
            for one in [*distribution["default_cache_behavior"], *distribution["ordered_cache_behavior"]]
        },
        "errors": {
            one["error_code"]: [
                one["error_caching_min_ttl"],
                one["response_page_path"] or None,
                one["response_code"] or None,
            ]
            for one in distribution["custom_error_response"]
        },
        "key": {
            "name": [policy["name"], policy["comment"]],
            "seconds": [policy[f"{name}_ttl"] for name in ("min", "default", "max")],
            "cookies": [cookies["cookie_behavior"], sorted(cookies["cookies"][0]["items"])],
            "headers": [headers["header_behavior"], headers["headers"][0]["items"]],
            "queries": queries["query_string_behavior"],
            "encodings": [key["enable_accept_encoding_brotli"], key["enable_accept_encoding_gzip"]],
        },
        "function": [function[name] for name in ("name", "comment", "runtime", "publish", "code")],
        "access": [
            access[name]
            for name in ("name", "origin_access_control_origin_type", "signing_behavior", "signing_protocol")
        ],
        "page": {
            "bucket": bucket["bucket"],
            "private": [
                private[name]
                for name in (
                    "block_public_acls",
                    "block_public_policy",
                    "ignore_public_acls",
                    "restrict_public_buckets",
                )
            ],
            "policy": state.policy(*(one["policy"] for one in pages)),
        },
    }


def _origin(values: dict[str, Any]) -> dict[str, Any]:
    custom = {name: value for each in values["custom_origin_config"] for name, value in each.items()}
    return {
        "domain": values["domain_name"],
        "custom": [
            custom.get("origin_protocol_policy"),
            custom.get("origin_ssl_protocols"),
            custom.get("origin_read_timeout"),
        ],
        "attempts": [values["connection_attempts"], values["connection_timeout"]],
        "headers": {one["name"]: one["value"] for one in values["custom_header"]},
        "access": values["origin_access_control_id"] or None,
    }


def _repository(resource: dict[str, Any], state: State) -> dict[str, Any]:
    [lifecycle] = [one for one in state.of("ecr_lifecycle_policy") if one["repository"] == resource["name"]]
    [policy] = [one for one in state.of("ecr_repository_policy") if one["repository"] == resource["name"]]
    return {
        "scanned": many(resource["image_scanning_configuration"])[0]["scan_on_push"],
        "tags": resource["image_tag_mutability"],
        "emptied": resource["force_delete"],
        "kept": json.loads(lifecycle["policy"]),
        "policy": state.policy(policy["policy"]),
    }
