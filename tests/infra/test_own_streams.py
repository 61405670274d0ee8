"""The stream of an own table starts jobs: each tool takes its ARN from where the user's own infrastructure sets it."""

from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cases import EACH, Case, produced
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


@pytest.mark.parametrize(
    ("iac", "expected"),
    [("cdk", ARN), ("sam", "OrdersTable.StreamArn"), ("terraform", ARN)],
    ids=["cdk", "sam", "terraform"],
)
def test_the_stream_of_an_own_table_is_read(tmp_path: Path, iac: str, expected: str) -> None:
    case = OwnTable("own table")
    described = produced(iac, case, EACH[iac](case, tmp_path)).describe()
    source = described["sources"][expected]
    assert (source["function"], source["from"]) == ("my-app-prod-jobs:live", "TRIM_HORIZON")
    assert source["only"] == [{"eventName": ["INSERT", "REMOVE"]}]
    assert f"Allow dynamodb:GetRecords on {expected}" in described["roles"]["my-app-prod-jobs"]["may"]
