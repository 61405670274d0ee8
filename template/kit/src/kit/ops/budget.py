"""A stage's monthly budgets: one of which AWS Budgets sends an email when the account's bill exceeds it, and when it is about
to; and with `budget_brake` one that closes the brake.

They are created by the API, as CloudFormation doesn't know AWS::Budgets::Budget in half of the regions. The email goes to
the recipient of alarms directly, so that no region's topic is needed.
"""

from typing import Any

from kit.ops.aws_account import Account
from kit.ops.iac import Settings
from kit.ops.retry import RETRY
from kit.ops.stage import Stage

ACTUAL, FORECASTED = "ACTUAL", "FORECASTED"
PARTITION = "aws"
"""Where bills are in USD. Those of GovCloud are in a standard account, those of China and of the European Sovereign Cloud in
another currency.

Source: AWS General Reference, "AWS Billing and Cost Management endpoints and quotas".
"""


def exists_in(account: Account) -> bool:
    """Whether the account can have a budget in USD."""
    return bool(account.session.get_partition_for_region(account.region) == PARTITION)


def put(account: Account, stage: Stage, settings: Settings) -> str:
    """Create, change or delete the stage's budgets, so that they are what the settings say; return what they are then.

    An existing budget that matches is left alone: a new one would send its emails again, or close the brake again.
    Recipients that were added to it stay, until the amount or the recipient of alarms changes.
    """
    if not exists_in(account):
        return f"none, as the bill of {account.region} is not in USD or in another account: create one where it is paid"
    email = [("EMAIL", settings.alarm_email)] if settings.alarm_email else []
    warned = settings.monthly_budget if email else 0.0
    braked = 0.0 if stage.is_preview else settings.budget_brake
    _put(account, stage.resource_prefix, warned, {ACTUAL: email, FORECASTED: email})
    _put(account, brake_name(stage), braked, {ACTUAL: [("SNS", brake_topic(account, stage)), *email]})
    missing = "recipient of alarms" if settings.monthly_budget > 0 else "monthly budget"
    text = f"{warned:g} USD a month" if warned > 0 else f"none, as the stage has no {missing}"
    return f"{text}; the brake closes above {braked:g}" if braked > 0 else text


def delete(account: Account, stage: Stage) -> None:
    """Delete the stage's budgets, if there are any."""
    if exists_in(account):
        for name in (stage.resource_prefix, brake_name(stage)):
            _delete(account, name)


def brake_name(stage: Stage) -> str:
    """The name of the budget that closes the brake, and of the topic that it publishes to."""
    return f"{stage.resource_prefix}-brake"


def brake_topic(account: Account, stage: Stage) -> str:
    """The ARN of that topic, which the infrastructure creates."""
    return f"arn:{PARTITION}:sns:{account.region}:{account.number}:{brake_name(stage)}"


def _put(account: Account, name: str, amount: float, subscribers: dict[str, list[tuple[str, str]]]) -> None:
    """A budget of that amount, or none, which notifies the subscribers of each kind, given by type and address."""
    budgets = account.session.client("budgets", config=RETRY)
    key = {"AccountId": account.number, "BudgetName": name}
    if amount > 0 and _read(budgets, key) == amount and _reaches(budgets, key, subscribers):
        return
    _delete(account, name)
    if amount <= 0:
        return
    budgets.create_budget(
        AccountId=account.number,
        Budget={
            "BudgetName": name,
            "BudgetType": "COST",
            "TimeUnit": "MONTHLY",
            "BudgetLimit": {"Amount": f"{amount}", "Unit": "USD"},
        },
        NotificationsWithSubscribers=[
            {
                "Notification": _notification(kind),
                "Subscribers": [{"SubscriptionType": type, "Address": address} for type, address in each],
            }
            for kind, each in subscribers.items()
        ],
    )


def _delete(account: Account, name: str) -> None:
    budgets = account.session.client("budgets", config=RETRY)
    try:
        budgets.delete_budget(AccountId=account.number, BudgetName=name)
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


def _reaches(budgets: Any, key: dict[str, str], subscribers: dict[str, list[tuple[str, str]]]) -> bool:
    """Whether a budget notifies all of these."""
    try:
        responses = {
            kind: budgets.describe_subscribers_for_notification(**key, Notification=_notification(kind))["Subscribers"]
            for kind in subscribers
        }
    except budgets.exceptions.NotFoundException:
        return False
    return all(
        set(each) <= {(one["SubscriptionType"], one["Address"]) for one in responses[kind]}
        for kind, each in subscribers.items()
    )
