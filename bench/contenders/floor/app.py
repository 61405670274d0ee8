"""The floor: what Lambda's own runtime client takes when an app does nothing."""

from typing import Any


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer every request alike."""
    return {"statusCode": 200, "headers": {"content-type": "text/plain"}, "body": "ok"}
