"""The monthly budget: created once, replaced when its settings change, never where there is none. AWS's answers are stubs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from kit.ops import budget
from kit.ops.aws_account import Account
from kit.ops.iac import Settings
from kit.ops.stage import Stage

STAGE = Stage("my-app", "prod")
SETTINGS = Settings(database_secret="/my-app/prod/database-url", alarm_email="me@example.com", monthly_budget=20)
KEY = {"AccountId": "123456789012", "BudgetName": "my-app-prod"}
BUDGET = {
    "BudgetName": "my-app-prod",
    "BudgetType": "COST",
    "TimeUnit": "MONTHLY",
    "BudgetLimit": {"Amount": "20", "Unit": "USD"},
}


class Session(boto3.Session):
    """A session whose one client is stubbed."""

    stubbed: Any

    def client(self, service: str, **_: Any) -> Any:  # type: ignore[override]
        assert service == "budgets"
        return self.stubbed


@contextmanager
def stub(region: str = "eu-north-1") -> Iterator[tuple[Account, Stubber]]:
    """An account whose answers from AWS Budgets are queued; each must be asked for, in this order."""
    session = Session("test", "test", region_name=region)
    session.stubbed = boto3.client("budgets", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(session.stubbed) as stubber:
        yield Account("123456789012", "arn:aws:iam::123456789012:user/me", region, session), stubber
        stubber.assert_no_pending_responses()


BRAKE = {"AccountId": "123456789012", "BudgetName": "my-app-prod-brake"}
TOPIC = {"SubscriptionType": "SNS", "Address": "arn:aws:sns:eu-north-1:123456789012:my-app-prod-brake"}


def expect_no_brake(stubber: Stubber) -> None:
    stubber.add_client_error("delete_budget", "NotFoundException", expected_params=BRAKE)


def notification(kind: str) -> dict[str, Any]:
    fields = {"ComparisonOperator": "GREATER_THAN", "Threshold": 100.0, "ThresholdType": "PERCENTAGE"}
    return {"NotificationType": kind} | fields


def subscribers(*emails: str) -> list[dict[str, str]]:
    return [{"SubscriptionType": "EMAIL", "Address": email} for email in emails]


def expect_creation(stubber: Stubber) -> None:
    notifications = [
        {"Notification": notification(kind), "Subscribers": subscribers("me@example.com")}
        for kind in ("ACTUAL", "FORECASTED")
    ]
    parameters = {"AccountId": KEY["AccountId"], "Budget": BUDGET, "NotificationsWithSubscribers": notifications}
    stubber.add_response("create_budget", {}, parameters)


def answer_with(stubber: Stubber, *emails: str) -> None:
    for kind in ("ACTUAL", "FORECASTED"):
        parameters = KEY | {"Notification": notification(kind)}
        response = {"Subscribers": subscribers(*emails)}
        stubber.add_response("describe_subscribers_for_notification", response, parameters)


def test_a_first_deployment_creates_it() -> None:
    with stub() as (account, stubber):
        stubber.add_client_error("describe_budget", "NotFoundException")
        stubber.add_client_error("delete_budget", "NotFoundException")
        expect_creation(stubber)
        expect_no_brake(stubber)
        assert budget.put(account, STAGE, SETTINGS) == "20 USD a month"


@pytest.mark.parametrize("emails", [("me@example.com",), ("boss@example.com", "me@example.com")])
def test_one_that_matches_is_left_alone(emails: tuple[str, ...]) -> None:
    """A new one would send its emails again."""
    with stub() as (account, stubber):
        stubber.add_response("describe_budget", {"Budget": BUDGET}, KEY)
        answer_with(stubber, *emails)
        expect_no_brake(stubber)
        budget.put(account, STAGE, SETTINGS)


def test_another_amount_replaces_it() -> None:
    with stub() as (account, stubber):
        stubber.add_response(
            "describe_budget", {"Budget": BUDGET | {"BudgetLimit": {"Amount": "50", "Unit": "USD"}}}, KEY
        )
        stubber.add_response("delete_budget", {}, KEY)
        expect_creation(stubber)
        expect_no_brake(stubber)
        budget.put(account, STAGE, SETTINGS)


def test_another_recipient_replaces_it() -> None:
    with stub() as (account, stubber):
        stubber.add_response("describe_budget", {"Budget": BUDGET}, KEY)
        answer_with(stubber, "before@example.com")
        stubber.add_response("delete_budget", {}, KEY)
        expect_creation(stubber)
        expect_no_brake(stubber)
        budget.put(account, STAGE, SETTINGS)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (replace(SETTINGS, alarm_email=""), "recipient of alarms"),
        (replace(SETTINGS, monthly_budget=0), "monthly budget"),
    ],
)
def test_it_is_deleted_when_it_is_turned_off(settings: Settings, reason: str) -> None:
    with stub() as (account, stubber):
        stubber.add_response("delete_budget", {}, KEY)
        expect_no_brake(stubber)
        assert budget.put(account, STAGE, settings) == f"none, as the stage has no {reason}"


@pytest.mark.parametrize(
    ("email", "subscribed"), [("", [TOPIC]), ("me@example.com", [TOPIC, *subscribers("me@example.com")])]
)
def test_a_second_budget_closes_the_brake_with_or_without_a_recipient_of_alarms(
    email: str, subscribed: list[dict[str, str]]
) -> None:
    settings = replace(SETTINGS, monthly_budget=0, budget_brake=50, alarm_email=email)
    with stub() as (account, stubber):
        stubber.add_response("delete_budget", {}, KEY)
        stubber.add_client_error("describe_budget", "NotFoundException", expected_params=BRAKE)
        stubber.add_client_error("delete_budget", "NotFoundException", expected_params=BRAKE)
        limit = {"BudgetName": BRAKE["BudgetName"], "BudgetLimit": {"Amount": "50", "Unit": "USD"}}
        parameters = {
            "AccountId": BRAKE["AccountId"],
            "Budget": BUDGET | limit,
            "NotificationsWithSubscribers": [{"Notification": notification("ACTUAL"), "Subscribers": subscribed}],
        }
        stubber.add_response("create_budget", {}, parameters)
        assert budget.put(account, STAGE, settings).endswith("; the brake closes above 50")


def test_one_that_closes_the_brake_and_matches_is_left_alone() -> None:
    """A new one would close it again."""
    settings = replace(SETTINGS, monthly_budget=0, budget_brake=50)
    with stub() as (account, stubber):
        stubber.add_response("delete_budget", {}, KEY)
        stubber.add_response(
            "describe_budget", {"Budget": BUDGET | {"BudgetLimit": {"Amount": "50", "Unit": "USD"}}}, BRAKE
        )
        response = {"Subscribers": [TOPIC, *subscribers("me@example.com", "boss@example.com")]}
        parameters = BRAKE | {"Notification": notification("ACTUAL")}
        stubber.add_response("describe_subscribers_for_notification", response, parameters)
        budget.put(account, STAGE, settings)


def test_a_preview_has_no_brake() -> None:
    with stub() as (account, stubber):
        for name in ("my-app-preview12", "my-app-preview12-brake"):
            stubber.add_response("delete_budget", {}, KEY | {"BudgetName": name})
        settings = replace(SETTINGS, alarm_email="", budget_brake=50)
        assert "brake" not in budget.put(account, Stage("my-app", "preview12"), settings)


@pytest.mark.parametrize("region", ["us-gov-west-1", "cn-north-1", "eusc-de-east-1"])
def test_where_bills_are_not_in_usd_there_is_none_and_a_deployment_says_so(region: str) -> None:
    with stub(region) as (account, _):
        assert f"the bill of {region} is not in USD or in another account" in budget.put(account, STAGE, SETTINGS)
        budget.delete(account, STAGE)
