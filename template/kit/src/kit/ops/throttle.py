"""The throttle of a stage's API: how many requests it accepts. A throttle of 0 refuses all: the brake is closed."""

from typing import Any, NamedTuple

from kit.ops.aws_account import Account
from kit.ops.retry import RETRY
from kit.ops.stage import Stage

REGION_RATE, REGION_BURST = 10_000, 5_000
"""An API's throttle without a lower one. Source: API Gateway Developer Guide, "Throttle requests to your HTTP APIs"."""
NAME = "$default"
"""Of the API's only stage."""


class Throttle(NamedTuple):
    """Requests a second on average, and at once."""

    rate: int
    burst: int

    @property
    def is_closed(self) -> bool:
        """Whether the API refuses all requests."""
        return self.rate == 0


CLOSED = Throttle(0, 0)
"""As in kit/aws_lambda/brake.py."""


def read(account: Account, stage: Stage) -> Throttle | None:
    """The throttle; None if the stage has no API yet."""
    gateway = account.session.client("apigatewayv2", config=RETRY)
    if (api := _find(gateway, stage)) is None:
        return None
    route = gateway.get_stage(ApiId=api, StageName=NAME).get("DefaultRouteSettings", {})
    return Throttle(
        int(route.get("ThrottlingRateLimit", REGION_RATE)), int(route.get("ThrottlingBurstLimit", REGION_BURST))
    )


def write(account: Account, stage: Stage, throttle: Throttle) -> None:
    """Set the throttle of a stage that has an API."""
    gateway = account.session.client("apigatewayv2", config=RETRY)
    settings = {"ThrottlingRateLimit": float(throttle.rate), "ThrottlingBurstLimit": throttle.burst}
    gateway.update_stage(ApiId=_find(gateway, stage), StageName=NAME, DefaultRouteSettings=settings)


def _find(gateway: Any, stage: Stage) -> str | None:
    apis = (api for page in gateway.get_paginator("get_apis").paginate() for api in page["Items"])
    return next((api["ApiId"] for api in apis if api["Name"] == stage.resource_prefix), None)
