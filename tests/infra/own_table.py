"""An own table in the user's infrastructure file of each tool, whose stream starts jobs."""

from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cases import Case
from tools import WITH_EVENTS

ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/my-app-prod-orders/stream/2026-01-31T00:00:00.000"
OWN = {
    "cdk": ("infra/cdk/own.py", f'def add(stack):\n    stack.events.streams["orders"] = "{ARN}"\n'),
    "sam": (
        "infra/sam/own.yaml",
        """
Resources:
  OrdersTable:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Sub "${Project}-${Stage}-orders"
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
      KeySchema: [{ AttributeName: id, KeyType: HASH }]
      StreamSpecification:
        StreamViewType: NEW_AND_OLD_IMAGES
""",
    ),
    "terraform": ("infra/terraform/own_override.tf", f'locals {{\n  own_streams = {{ orders = "{ARN}" }}\n}}\n'),
}


def manifest() -> dict[str, Any]:
    """One stream, of an own table."""
    changed = deepcopy(WITH_EVENTS)
    [stream] = [event for event in changed["events"] if event["kind"] == "stream"]
    return changed | {"events": [stream | {"name": "orders", "table": "orders"}]}


@dataclass(frozen=True)
class OwnTable(Case):
    manifest: dict[str, Any] | None = field(default_factory=manifest)

    def app(self, folder: Path, iac: str) -> Path:
        app = super().app(folder, iac)
        file, text = OWN[iac]
        app.joinpath(file).write_text(text, encoding="utf-8")
        return app


def require_read(described: dict[str, Any], stream: str) -> None:
    """Fail unless the jobs function reads the stream, and its role may."""
    source = described["sources"][stream]
    assert (source["function"], source["from"]) == ("my-app-prod-jobs:live", "TRIM_HORIZON")
    assert source["only"] == [{"eventName": ["INSERT", "REMOVE"]}]
    assert f"Allow dynamodb:GetRecords on {stream}" in described["roles"]["my-app-prod-jobs"]["may"]
