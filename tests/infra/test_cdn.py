"""A stage's CDN, as far as it is not the infrastructure's: checks, origin secret, page, address, health."""

import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from kit.errors import UsageError
from kit.ops import cdn, cdn_plan, deployed, health_check, status
from kit.ops.aws_account import Account
from kit.ops.iac import Settings
from kit.ops.stage import Stage
from rendering import TEMPLATE

STAGE = Stage("my-app", "prod")
BUCKET = "my-app-prod-page-123456789012"
DOMAIN = "d111111abcdef8.cloudfront.net"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield in_region("eu-central-1")


def in_region(region: str) -> Account:
    user = "arn:aws:iam::123456789012:user/me"
    return Account("123456789012", user, region, boto3.Session(region_name=region))


def settings(cdn: str = "pay-as-you-go", certificate: str = "") -> Settings:
    domain = "wall.example.com" if certificate else ""
    arn = f"arn:aws:acm:{certificate}:123456789012:certificate/0a1b" if certificate else ""
    secret = "/my-app/prod/database-url"
    return Settings(
        architecture="arm64", database_secret=secret, alarm_email="", domain_name=domain, certificate_arn=arn, cdn=cdn
    )


@pytest.mark.parametrize(
    "values", [("pay-as-you-go",), ("pay-as-you-go", "us-east-1"), ("off",), ("off", "eu-central-1")]
)
def test_settings_that_aws_accepts_pass(account: Account, values: tuple[str, ...]) -> None:
    cdn.require(account, settings(*values))


@pytest.mark.parametrize(
    ("region", "values", "sentence"),
    [
        ("eu-central-1", ("on",), "cdn is 'on'. Choose one of off, pay-as-you-go, free."),
        (
            "cn-north-1",
            ("pay-as-you-go",),
            "cn-north-1 has no CloudFront with functions, which the CDN needs. Set cdn to off",
        ),
        ("us-gov-west-1", ("pay-as-you-go",), "us-gov-west-1 has no CloudFront"),
        ("eu-central-1", ("pay-as-you-go", "eu-central-1"), "wall.example.com must be in us-east-1, CloudFront takes"),
        ("eu-central-1", ("off", "us-east-1"), "wall.example.com must be in eu-central-1, where the API is"),
        (
            "eu-central-1",
            ("off", "us-east-1"),
            "aws acm request-certificate --region eu-central-1 --domain-name wall.exa",
        ),
    ],
)
def test_settings_that_aws_would_refuse_are_refused_first(
    account: Account, region: str, values: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(sentence)):
        cdn.require(in_region(region), settings(*values))


def test_the_origin_secret_is_generated_once_and_deleted_with_the_stage(account: Account) -> None:
    ssm = account.session.client("ssm")
    assert cdn.put_origin_secret(account, STAGE)
    stored = ssm.get_parameter(Name="/my-app/prod/origin-secret")["Parameter"]
    assert (stored["Type"], len(stored["Value"])) == ("String", 43)
    assert not cdn.put_origin_secret(account, STAGE)
    assert ssm.get_parameter(Name="/my-app/prod/origin-secret")["Parameter"]["Value"] == stored["Value"]
    cdn.delete_origin_secret(account, STAGE)
    cdn.delete_origin_secret(account, STAGE)
    assert ssm.describe_parameters()["Parameters"] == []


def test_the_page_is_uploaded_for_the_cdn_to_keep_and_deleted_before_its_bucket(account: Account) -> None:
    s3 = account.session.client("s3")
    cdn.delete_page(account, STAGE)  # which isn't there yet
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    cdn.upload_page(account, STAGE)
    page = s3.get_object(Bucket=BUCKET, Key="busy.html")
    assert page["ContentType"] == "text/html; charset=utf-8"
    assert page["CacheControl"] == "max-age=0, s-maxage=60"
    assert page["Body"].read().startswith(b"<!doctype html>")
    cdn.delete_page(account, STAGE)
    s3.delete_bucket(Bucket=BUCKET)


def note(account: Account, host: str) -> None:
    """Note a distribution like the infrastructure does."""
    value = json.dumps({"domain": DOMAIN, "host": host, "id": "E1"})
    account.session.client("ssm").put_parameter(Name="/my-app/prod/distribution", Value=value, Type="String")


@pytest.mark.parametrize(
    ("host", "target"), [(DOMAIN, ""), ("wall.example.com", DOMAIN)], ids=["its own name", "the stage's domain"]
)
def test_the_address_is_the_distributions_and_so_is_the_target_of_its_dns_record(
    account: Account, monkeypatch: pytest.MonkeyPatch, host: str, target: str
) -> None:
    note(account, host)
    address = deployed.address(account, STAGE)
    assert address == f"https://{host}"
    assert deployed.target(account, STAGE, address) == target
    monkeypatch.setattr(health_check, "is_public", lambda address: False)
    lines = list(status.Status(account, STAGE, now=None)._address())  # type: ignore[arg-type]
    assert lines[:2] == [f"  address    https://{host}", f"  cdn        CloudFront E1, {DOMAIN}"]
    assert [line.strip() for line in lines[2:]] == (
        [f"https://{host} does not answer yet. Its DNS record must be a CNAME or alias of {DOMAIN}."] if target else []
    )


def test_a_deployment_says_what_becomes_of_the_cdn() -> None:
    existing = deployed.Distribution("E1", DOMAIN, "wall.example.com")
    assert cdn.describe(settings("off"), None, first=True) == ""
    assert cdn.describe(settings("off"), existing, first=False) == "deleted, and https://wall.example.com with it"
    assert cdn.describe(settings(), existing, first=False) == "CloudFront, pay-as-you-go: wall.example.com"
    new = "CloudFront, pay-as-you-go; creating it takes minutes"
    assert cdn.describe(settings(), None, first=True) == new
    assert cdn.describe(settings(), None, first=False) == f"{new}; the API's own address answers 403 afterwards"


def test_a_plan_has_one_web_acl_of_the_stages(account: Account) -> None:
    waf = account.session.client("wafv2", region_name="us-east-1")
    arn = cdn_plan.put_web_acl(account, STAGE)
    assert cdn_plan.put_web_acl(account, STAGE) == arn
    assert cdn_plan.put_web_acl(account, Stage("my-app", "test")) != arn
    assert {each["Name"] for each in waf.list_web_acls(Scope="CLOUDFRONT")["WebACLs"]} == {
        "my-app-prod-eu-central-1",
        "my-app-test-eu-central-1",
    }
    cdn_plan.delete_web_acl(account, STAGE)
    cdn_plan.delete_web_acl(account, STAGE)
    [left] = waf.list_web_acls(Scope="CLOUDFRONT")["WebACLs"]
    assert left["Name"] == "my-app-test-eu-central-1"


ARN, WEB_ACL = (
    "arn:aws:cloudfront::123456789012:distribution/E1",
    "arn:aws:wafv2:us-east-1:123456789012:global/webacl/x/1",
)
EXISTING = deployed.Distribution("E1", DOMAIN, DOMAIN)


def subscription(*resources: str) -> dict[str, Any]:
    moment = "2026-01-31T00:00:00Z"
    return {
        "arn": "arn:aws:pricingplanmanager::123456789012:subscription/1",
        "planFamily": "CloudFront",
        "planTier": "FREE",
        "status": "ACTIVE",
        "resourceArns": list(resources),
        "createdAt": moment,
        "updatedAt": moment,
    }


@pytest.fixture
def plans(account: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """The API of plans, whose requests and responses must have the shapes that AWS's SDK knows."""
    client = account.session.client("pricing-plan-manager", region_name="us-east-1")
    monkeypatch.setattr(cdn_plan, "_client", lambda account, service: client)
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.mark.parametrize("there", [False, True])
def test_a_distribution_is_subscribed_once(account: Account, plans: Stubber, there: bool) -> None:
    found = [subscription("arn:aws:cloudfront::123456789012:distribution/E2")]
    found += [subscription(ARN, WEB_ACL)] if there else []
    plans.add_response("list_subscriptions", {"subscriptionSummaries": [each | {"eTag": "v1"} for each in found]})
    if not there:
        request = {"planFamily": "CloudFront", "planTier": "FREE", "resourceArns": [ARN, WEB_ACL]}
        plans.add_response("create_subscription", {"subscription": subscription(ARN, WEB_ACL), "eTag": "v1"}, request)
    cdn_plan.subscribe(account, EXISTING, WEB_ACL)


def test_a_plan_that_aws_refuses_is_explained(account: Account, plans: Stubber) -> None:
    plans.add_response("list_subscriptions", {"subscriptionSummaries": []})
    plans.add_client_error("create_subscription", "ValidationException", "The account is on the free tier.")
    with pytest.raises(UsageError, match=r"AWS refuses the free plan: .*on the free tier.* Set cdn to pay-as-you-go"):
        cdn_plan.subscribe(account, EXISTING, WEB_ACL)


def test_a_plan_is_cancelled_as_it_was_read(account: Account, plans: Stubber) -> None:
    found = subscription(ARN, WEB_ACL)
    plans.add_response("list_subscriptions", {"subscriptionSummaries": [found | {"eTag": "v7"}]})
    request = {"arn": found["arn"], "ifMatch": "v7"}
    plans.add_response("cancel_subscription", {"subscription": found, "eTag": "v8"}, request)
    cdn_plan.cancel(account, EXISTING)
    plans.add_response("list_subscriptions", {"subscriptionSummaries": []})
    cdn_plan.cancel(account, EXISTING)


class Functions:
    """Lambda's client, for a version with these variables."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.variables, self.events = variables, list[dict[str, Any]]()

    def get_function_configuration(self, **_: str) -> dict[str, Any]:
        return {"Environment": {"Variables": self.variables}}

    def invoke(self, *, Payload: bytes, **_: str) -> dict[str, Any]:
        self.events.append(json.loads(Payload))
        return {"Payload": io.BytesIO(b'{"statusCode": 200}')}


@pytest.mark.parametrize("has_cdn", [True, False])
def test_a_version_behind_a_cdn_is_asked_with_the_origin_secret(
    account: Account, monkeypatch: pytest.MonkeyPatch, has_cdn: bool
) -> None:
    cdn.put_origin_secret(account, STAGE)
    secret = account.session.client("ssm").get_parameter(Name="/my-app/prod/origin-secret")["Parameter"]["Value"]
    functions = Functions({"ORIGIN_SECRET_PARAMETER": "/my-app/prod/origin-secret"} if has_cdn else {})
    create = boto3.Session.client
    monkeypatch.setattr(
        boto3.Session, "client", lambda self, name, **kw: functions if name == "lambda" else create(self, name, **kw)
    )
    health_check.check_version(account, STAGE, "7")
    [event] = functions.events
    assert event["headers"] == {"host": "deploy"} | ({"x-origin-secret": secret} if has_cdn else {})


HARNESS = """
const cf = { createRequestOriginGroup: (group) => { globalThis.group = group; } };
const requests = JSON.parse(process.argv[1]);
const run = new Function('cf', 'event', `${process.argv[2]}; return handler(event);`);
console.log(JSON.stringify(requests.map((request) => {
  globalThis.group = null;
  return [run(cf, { request }), globalThis.group];
})));
"""


@pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js")
def test_the_function_passes_on_the_host_and_lets_reads_alone_fail_over() -> None:
    code = TEMPLATE.joinpath("kit/cdn/viewer_request.js").read_text(encoding="utf-8")
    code = code.replace("import cf from 'cloudfront';", "")
    spoofed = {"host": {"value": "wall.example.com"}, "x-forwarded-host": {"value": "evil.example.com"}}
    requests = [{"method": method, "uri": "/", "headers": spoofed} for method in ("GET", "HEAD", "POST")]
    done = subprocess.run(
        ["node", "--eval", HARNESS, json.dumps(requests), code], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert {result["headers"]["x-forwarded-host"]["value"] for result, _ in results} == {"wall.example.com"}
    fails_over = {
        "originIds": [{"originId": "api"}, {"originId": "refused"}],
        "failoverCriteria": {"statusCodes": [429, 503]},
    }
    assert [group for _, group in results] == [fails_over, fails_over, None]
