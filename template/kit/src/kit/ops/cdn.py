"""What a stage's CDN needs besides the infrastructure tool: checked settings, the origin secret, and a page.

CloudFront sends the secret with each request, and the app refuses a request without it, so that nobody bypasses the CDN.
It is an SSM parameter of the type String, because whoever may read the distribution's configuration reads it there.
"""

from kit import generated_secrets
from kit.errors import UsageError
from kit.ops import cdn_plan, deployed
from kit.ops.aws_account import Account
from kit.ops.cost_model import CDN, FREE_PLAN
from kit.ops.deployed import Distribution
from kit.ops.iac import Settings
from kit.ops.retry import RETRY
from kit.ops.stage import Stage
from kit.web import busy

PARTITION = "aws"
"""Where CloudFront has what the CDN is made of. GovCloud has no CloudFront, and China's has no functions.

Source: the types of AWS::CloudFront in the CloudFormation registry of each region.
"""
CERTIFICATE_REGION = "us-east-1"
"""Source: CloudFront Developer Guide, "Requirements for using SSL/TLS certificates with CloudFront"."""
KEY = "busy.html"
CACHE_CONTROL = "max-age=0, s-maxage=60"
"""A browser asks again each time, since the page stands for another; CloudFront asks the bucket once a minute."""


def require(account: Account, settings: Settings) -> None:
    """Raise `UsageError` for settings that AWS would refuse only after minutes."""
    if settings.cdn not in CDN:
        raise UsageError(f"cdn is {settings.cdn!r}. Choose one of {', '.join(CDN)}.")
    if settings.has_cdn and account.session.get_partition_for_region(account.region) != PARTITION:
        raise UsageError(
            f"cdn is {settings.cdn}, but {account.region} has no CloudFront with functions, which the CDN needs. Set cdn to "
            "off."
        )
    if settings.domain_name:
        _require_certificate(settings, CERTIFICATE_REGION if settings.has_cdn else account.region)


def _require_certificate(settings: Settings, region: str) -> None:
    where = ["", *settings.certificate_arn.split(":")][4:5]
    if where != [region]:
        reason = "CloudFront takes certificates from there alone" if settings.has_cdn else "where the API is"
        raise UsageError(
            f"The certificate of {settings.domain_name} must be in {region}, {reason}; certificate_arn is "
            f"{settings.certificate_arn!r}. Request one: aws acm request-certificate --region {region} --domain-name "
            f"{settings.domain_name} --validation-method DNS"
        )


def prepare(account: Account, stage: Stage, settings: Settings, distribution: Distribution | None) -> dict[str, str]:
    """Before the infrastructure is applied, create what it needs, and delete what keeps it from changing.

    distribution: what there is already.
    Returns variables of `infra-apply`.
    """
    if settings.has_cdn:
        put_origin_secret(account, stage)
    elif distribution:
        delete_page(account, stage)
    if settings.cdn == FREE_PLAN:
        return {"WEB_ACL": cdn_plan.put_web_acl(account, stage)}
    if distribution:
        cdn_plan.cancel(account, distribution)
    return {}


def complete(
    account: Account, stage: Stage, settings: Settings, variables: dict[str, str], before: Distribution | None
) -> None:
    """After the infrastructure is applied, upload the page, and begin or end a plan. Raises `UsageError`.

    variables: what `prepare` returned.
    before: the distribution that there was before.
    """
    if settings.has_cdn:
        upload_page(account, stage)
    distribution = deployed.distribution(account, stage)
    if distribution and settings.cdn == FREE_PLAN:
        cdn_plan.subscribe(account, distribution, variables["WEB_ACL"])
    elif before:
        cdn_plan.delete_web_acl(account, stage)


def describe(settings: Settings, distribution: Distribution | None, *, first: bool) -> str:
    """What a deployment does about the CDN; empty if there is none, and there was none.

    first: whether nothing of the stage is live yet.
    """
    if not settings.has_cdn:
        return f"deleted, and https://{distribution.host} with it" if distribution else ""
    text = f"CloudFront, {settings.cdn}"
    if distribution:
        return f"{text}: {distribution.host}"
    return f"{text}; creating it takes minutes" + ("" if first else "; the API's own address answers 403 afterwards")


def put_origin_secret(account: Account, stage: Stage) -> bool:
    """Generate the stage's origin secret unless it has one; return whether it was generated."""
    ssm = account.session.client("ssm", config=RETRY)
    try:
        ssm.put_parameter(Name=_parameter(stage), Value=generated_secrets.new(), Type="String", Overwrite=False)
    except ssm.exceptions.ParameterAlreadyExists:
        return False
    return True


def delete_origin_secret(account: Account, stage: Stage) -> None:
    """Delete it, if there is one."""
    ssm = account.session.client("ssm", config=RETRY)
    try:
        ssm.delete_parameter(Name=_parameter(stage))
    except ssm.exceptions.ParameterNotFound:
        return


def upload_page(account: Account, stage: Stage) -> None:
    """Upload the page for visitors whom the API refuses: see `kit.web.busy`."""
    account.session.client("s3", config=RETRY).put_object(
        Bucket=_bucket(account, stage),
        Key=KEY,
        Body=busy.file().read_bytes(),
        ContentType="text/html; charset=utf-8",
        CacheControl=CACHE_CONTROL,
    )


def delete_page(account: Account, stage: Stage) -> None:
    """Empty the page's bucket, because CloudFormation deletes only an empty one."""
    s3, bucket = account.session.client("s3", config=RETRY), _bucket(account, stage)
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for each in page.get("Contents", ()):
                s3.delete_object(Bucket=bucket, Key=each["Key"])
    except s3.exceptions.NoSuchBucket:
        return


def _bucket(account: Account, stage: Stage) -> str:
    return f"{stage.resource_prefix}-page-{account.number}"


def _parameter(stage: Stage) -> str:
    return f"/{stage.project}/{stage.name}/origin-secret"
