"""Log groups with a retention period."""

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from constructs import Construct

from .settings import Settings

RETENTION = {
    1: logs.RetentionDays.ONE_DAY,
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}


class LogGroup(logs.LogGroup):
    """The log group of a part."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings, part: str) -> None:
        super().__init__(
            scope,
            id,
            log_group_name=f"/{settings.name}/{part}",
            retention=RETENTION[settings.log_retention],
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
