"""The Lambda quota of an account and region: how many environments run at once, and what that means for a stage."""

from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from kit.errors import UsageError
from kit.ops.aws_account import Account
from kit.ops.retry import RETRY, format_error

USUAL = 1000
"""Lambda environments at once; new accounts have fewer. Source: the Lambda Developer Guide, "Lambda quotas"."""
UNRESERVED = 100
"""How many of them Lambda keeps for functions without a reservation. Source: the same guide, "Reserved concurrency"."""
REQUESTS = 10
"""Requests a second for each of them, however short. Source: the same guide, "Understanding function scaling"."""
LEAST_JOBS = 2
"""The lowest concurrency of a queue. Source: the same guide, "Using Lambda with Amazon SQS", maximum concurrency."""


@dataclass(frozen=True)
class LambdaQuota:
    """The quota, in environments; all functions of the account share it."""

    environments: int
    unreserved: int
    """What no function has reserved."""

    @property
    def requests(self) -> int:
        """The requests that the account answers at most, a second."""
        return REQUESTS * self.environments

    @property
    def is_low(self) -> bool:
        """Whether AWS gives most accounts more."""
        return self.environments < USUAL

    def jobs_concurrency(self, setting: int, queues: int) -> int:
        """The concurrency of each queue: the setting, but all queues together get half of what is unreserved.

        setting: the stage's `jobs_concurrency`.
        """
        return min(setting, max(LEAST_JOBS, self.unreserved // 2 // max(1, queues)))

    def describe(self) -> str:
        """What the quota means, and how to ask for more if it is low."""
        text = f"{self.environments:,} environments at once, and answers at most {self.requests:,} requests a second"
        if self.unreserved < self.environments:
            text += f"; {self.unreserved:,} of them are not reserved"
        return f"this account runs {text}{'. Ask for more: make quota' * self.is_low}"

    def describe_jobs(self, setting: int, queues: int) -> str:
        """What jobs take of it, if the setting would take more than half; empty otherwise."""
        each = self.jobs_concurrency(setting, queues)
        if each * queues >= self.unreserved:
            return f"{each} at once for each queue, Lambda's minimum, and {queues} queue(s): JOBS CAN STARVE REQUESTS"
        if each == setting:
            return ""
        return f"{each} at once for each queue, not {setting}, so that jobs leave environments for requests"


def read(account: Account) -> LambdaQuota:
    """Read the quota; raises `UsageError` when that is not possible."""
    try:
        limits = account.session.client("lambda", config=RETRY).get_account_settings()["AccountLimit"]
    except (ClientError, BotoCoreError, ResponseParserError) as error:
        raise UsageError(format_error(error, policy="look")) from None
    environments = limits["ConcurrentExecutions"]
    return LambdaQuota(environments, limits.get("UnreservedConcurrentExecutions", environments))


def read_if_allowed(account: Account) -> tuple[LambdaQuota | None, str]:
    """The quota and its description; without the quota, why it is unknown, in one line."""
    try:
        quota = read(account)
    except UsageError as error:
        return None, f"unknown. {' '.join(str(error).split())}"
    return quota, quota.describe()
