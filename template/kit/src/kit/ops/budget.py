"""A stage's monthly budget: AWS Budgets sends an email when the account's bill exceeds it, and when it is about to.

It is created by the API, as CloudFormation doesn't know AWS::Budgets::Budget in half of the regions. The email goes to
the recipient of alarms directly, so that no region's topic is needed.
"""

from typing import Any

from kit.ops.aws_account import Account
from kit.ops.iac import Settings
from kit.ops.retry import RETRY
from kit.ops.stage import Stage

KINDS = ("ACTUAL", "FORECASTED")
PARTITION = "aws"
"""Where bills are in USD. Those of GovCloud are in a standard account, those of China and of the European Sovereign Cloud in
another currency.

Source: AWS General Reference, "AWS Billing and Cost Management endpoints and quotas".
"""


def exists_in(account: Account) -> bool:
    """Whether the account can have a budget in USD."""
    return bool(account.session.get_partition_for_region(account.region) == PARTITION)


def put(account: Account, stage: Stage, settings: Settings) -> str:
    """Create, change or delete the stage's budget, so that it is what the settings say; return what it is then.

    An existing budget that matches is left alone: a new one would send its emails again. Recipients that were added to it
    stay, until the amount or the recipient of alarms changes.
    """
    if not exists_in(account):
        return f"none, as the bill of {account.region} is not in USD or in another account: create one where it is paid"
    if not (settings.monthly_budget > 0 and settings.alarm_email):
        delete(account, stage)
        return "none, as the stage has no " + (
            "recipient of alarms" if settings.monthly_budget > 0 else "monthly budget"
        )
    budgets = account.session.client("budgets", config=RETRY)
    key = {"AccountId": account.number, "BudgetName": stage.resource_prefix}
    if _read(budgets, key) != settings.monthly_budget or not _reaches(budgets, key, settings.alarm_email):
        delete(account, stage)
        budgets.create_budget(
            AccountId=account.number,
            Budget={
                "BudgetName": stage.resource_prefix,
                "BudgetType": "COST",
                "TimeUnit": "MONTHLY",
                "BudgetLimit": {"Amount": f"{settings.monthly_budget}", "Unit": "USD"},
            },
            NotificationsWithSubscribers=[
                {
                    "Notification": _notification(kind),
                    "Subscribers": [{"SubscriptionType": "EMAIL", "Address": settings.alarm_email}],
                }
                for kind in KINDS
            ],
        )
    return f"{settings.monthly_budget:g} USD a month"


def delete(account: Account, stage: Stage) -> None:
    """Delete the stage's budget, if there is one."""
    if not exists_in(account):
        return
    budgets = account.session.client("budgets", config=RETRY)
    try:
        budgets.delete_budget(AccountId=account.number, BudgetName=stage.resource_prefix)
    except budgets.exceptions.NotFoundException:
        return


def _notification(kind: str) -> dict[str, Any]:
    """Above 100 % of the budget."""
    return {
        "NotificationType": kind,
        "ComparisonOperator": "GREATER_THAN",
        "Threshold": 100.0,
        "ThresholdType": "PERCENTAGE",
    }


def _read(budgets: Any, key: dict[str, str]) -> float | None:
    """The amount of a budget; None if it doesn't exist."""
    try:
        return float(budgets.describe_budget(**key)["Budget"]["BudgetLimit"]["Amount"])
    except budgets.exceptions.NotFoundException:
        return None


def _reaches(budgets: Any, key: dict[str, str], email: str) -> bool:
    """Whether all of a budget's emails are sent to this address."""
    try:
        answers = [
            budgets.describe_subscribers_for_notification(**key, Notification=_notification(kind)) for kind in KINDS
        ]
    except budgets.exceptions.NotFoundException:
        return False
    return all(email in {one["Address"] for one in answer["Subscribers"]} for answer in answers)
