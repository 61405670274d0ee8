"""The brake that a budget closes, as a Lambda function; its command is `kit.aws_lambda.brake.handler`.

AWS Budgets publishes to a topic when the month's bill exceeds `budget_brake`, and the topic invokes this. From then on the
API refuses all requests with a 429, until `make brake OPEN=1`. The function loads nothing of the app, so that no fault of the
app's keeps it from working.
"""

import logging
import os
from typing import Any

from kit import aws

log = logging.getLogger("kit.brake")

CLOSED = {"throttlingBurstLimit": 0, "throttlingRateLimit": 0}
"""The throttle with which an HTTP API refuses every request. Source: github.com/pulumi/pulumi-aws/issues/2363."""


def handler(event: Any, context: Any) -> None:
    """Refuse all requests; raises `AwsError`, so that Lambda tries again."""
    path = f"/v2/apis/{os.environ['BRAKE_API']}/stages/%24default"
    headers = {"content-type": "application/json"}
    aws.send("PATCH", "apigateway", "UpdateStage", path, headers, {"defaultRouteSettings": CLOSED})
    log.warning("the budget is exceeded: the API refuses all requests until make brake OPEN=1")
