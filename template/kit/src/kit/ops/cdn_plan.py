"""CloudFront's free flat-rate plan for a stage's CDN, and the web ACL that a plan must include.

Both are created by the API: they are in us-east-1, wherever the stage is, where its stack can't create anything. A paid plan
is not offered: until its last paid month is over, CloudFront keeps the distribution from being deleted.

Sources: AWS Flat-Rate Plans User Guide, "Getting started with the PricingPlanManager API"; CloudFront Developer Guide,
"CloudFront flat-rate pricing plans".
"""

from typing import Any

from botocore.exceptions import ClientError

from kit.errors import UsageError
from kit.ops.aws_account import Account, format_client_error
from kit.ops.deployed import Distribution
from kit.ops.retry import RETRY
from kit.ops.stage import Stage

REGION = "us-east-1"
SCOPE = "CLOUDFRONT"


def put_web_acl(account: Account, stage: Stage) -> str:
    """Create the stage's web ACL unless there is one, and return its ARN; it allows everything."""
    waf = _client(account, "wafv2")
    if web_acl := _web_acl(waf, account, stage):
        return str(web_acl["ARN"])
    name = _name(account, stage)
    created = waf.create_web_acl(
        Name=name,
        Scope=SCOPE,
        DefaultAction={"Allow": {}},
        VisibilityConfig={"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": name},
        Tags=[{"Key": "project", "Value": stage.project}, {"Key": "stage", "Value": stage.name}],
    )
    return str(created["Summary"]["ARN"])


def delete_web_acl(account: Account, stage: Stage) -> None:
    """Delete the stage's web ACL, if there is one; no distribution may have it any more."""
    waf = _client(account, "wafv2")
    if web_acl := _web_acl(waf, account, stage):
        waf.delete_web_acl(Name=web_acl["Name"], Scope=SCOPE, Id=web_acl["Id"], LockToken=web_acl["LockToken"])


def subscribe(account: Account, distribution: Distribution, web_acl: str) -> None:
    """Put the distribution under the free plan unless it is; raises `UsageError` if AWS refuses."""
    plans = _client(account, "pricing-plan-manager")
    arn = _arn(account, distribution)
    if _subscription(plans, arn):
        return
    try:
        plans.create_subscription(planFamily="CloudFront", planTier="FREE", resourceArns=[arn, web_acl])
    except ClientError as error:
        raise UsageError(
            f"AWS refuses the free plan: {format_client_error(error)}. Accounts on AWS's free tier can't have it, and an account "
            "has three. Set cdn to pay-as-you-go, and deploy again, which also deletes the web ACL of the plan: it costs 5 "
            "USD a month."
        ) from None


def cancel(account: Account, distribution: Distribution) -> None:
    """Cancel the distribution's plan, if it has one."""
    plans = _client(account, "pricing-plan-manager")
    if subscription := _subscription(plans, _arn(account, distribution)):
        plans.cancel_subscription(arn=subscription["arn"], ifMatch=subscription["eTag"])


def _subscription(plans: Any, distribution: str) -> dict[str, Any] | None:
    pages = plans.get_paginator("list_subscriptions").paginate()
    subscriptions = (each for page in pages for each in page["subscriptionSummaries"])
    return next((each for each in subscriptions if distribution in each["resourceArns"]), None)


def _web_acl(waf: Any, account: Account, stage: Stage) -> dict[str, Any] | None:
    marker: dict[str, str] = {}
    while True:
        response = waf.list_web_acls(Scope=SCOPE, Limit=100, **marker)
        for each in response["WebACLs"]:
            if each["Name"] == _name(account, stage):
                found: dict[str, Any] = each
                return found
        if not response["WebACLs"] or "NextMarker" not in response:
            return None
        marker = {"NextMarker": response["NextMarker"]}


def _client(account: Account, service: str) -> Any:
    return account.session.client(service, region_name=REGION, config=RETRY)


def _arn(account: Account, distribution: Distribution) -> str:
    return f"arn:aws:cloudfront::{account.number}:distribution/{distribution.id}"


def _name(account: Account, stage: Stage) -> str:
    return f"{stage.resource_prefix}-{account.region}"
