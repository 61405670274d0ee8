"""The policies of a role that deploys stages, and whether they allow an action for a stage's resources."""

from functools import cache
from typing import Any

from iam_evaluation import Policy, about, allows
from stage_resources import ACCOUNT, APIS, BUCKETS, PROJECT, REGION, Resource, arn, of_stage

from kit.ops import policy
from rendering import TEMPLATE

TOOLS = ("sam", "cdk", "terraform")
BOUNDARY = arn("iam", f"policy/{PROJECT}-preview-boundary")


DENIED = {
    "ecs:DeregisterTaskDefinition": "supports neither resources nor conditions; `make destroy` leaves the revisions",
    "sns:SetSubscriptionAttributes": "supports neither; a preview has no recipient of alarms",
    "sns:Unsubscribe": "supports neither; a topic is deleted with its subscriptions",
    "apigateway:AddCertificateToDomain": "a preview has no domain",
    "cloudfront:DeleteCachePolicy": "supports neither tags nor names; a preview has no CDN",
    "cloudfront:DeleteOriginAccessControl": "supports neither; a preview has no CDN",
    "cloudfront:UpdateCachePolicy": "supports neither; a preview has no CDN",
    "cloudfront:UpdateOriginAccessControl": "supports neither; a preview has no CDN",
    "pricingplanmanager:CancelSubscription": "supports neither; a preview has no CDN",
    "pricingplanmanager:CreateSubscription": "supports neither; a preview has no CDN",
    "apigateway:RemoveCertificateFromDomain": "a preview has no domain",
}  # fmt: skip
"""What the limits deny although a deployer's policies allow it, and why a preview can do without."""


@cache
def document(file: str, stage: str, region: str = REGION, account: str = ACCOUNT) -> dict[str, Any]:
    """A policy, for a stage or a pattern of stages."""
    values = {"Partition": "aws", "Region": region, "Account": account, "Project": PROJECT, "Stage": stage}
    values |= {"StateBucket": BUCKETS["terraform"], "StateKey": "my-app", "StatePrefix": "env:"}
    path = TEMPLATE / "infra" / file
    text = (path if path.exists() else TEMPLATE / "kit" / file).read_text(encoding="utf-8")
    return policy.fill(text, values, other_apis=[APIS["prod"], "otherapi01"])


def policies(
    iac: str, stage: str, *, limited: bool = False, region: str = REGION, account: str = ACCOUNT
) -> list[Policy]:
    """The policies of the role, as their guide lists them; limited as for previews."""
    names = [
        "look",
        "exec",
        "deploy",
        "system",
        "foundation",
        "network",
        "cdn",
        "own",
        *(["limits"] if limited else []),
    ]
    files = [*(f"policies/{name}.json" for name in names), f"{iac}/policy.json"]
    return [document(file, stage, region, account) for file in files]


def may(action: str, documents: list[Policy], stage: str) -> bool:
    """Whether an action is allowed for a resource of the stage's, whatever AWS tells of the tags of a part of an API."""
    documents = about(action, documents)
    given = {
        "aws:RequestTag/project": PROJECT,
        "aws:RequestTag/stage": stage,
        "ec2:CreateAction": "CreateSecurityGroup",
        "ecs:CreateAction": "RunTask",
        "ecs:cluster": arn("ecs", f"cluster/{PROJECT}-{stage}"),
        "iam:AWSServiceName": "ecs.amazonaws.com",
        "iam:PermissionsBoundary": BOUNDARY,
        "lambda:FunctionArn": arn("lambda", f"function:{PROJECT}-{stage}-jobs:live"),
    }
    return any(
        all(
            any(
                allows(action, target, given | context | {"iam:PassedToService": f"{service}.amazonaws.com"}, documents)
                for service in ("lambda", "ecs-tasks", "scheduler")
            )
            for context in resource.contexts()
        )
        for resource in [*of_stage(stage), *CREATED]
        for target in (resource.arn, "*")
    )


CREATED = [
    Resource(arn("apigateway", "/apis")),
    Resource(arn("ec2", "vpc/vpc-default")),
    Resource(arn("ec2", "security-group-rule/sgr-new")),
    Resource(arn("iam", "role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS")),
    Resource(arn("servicequotas", "lambda/L-B99A9384")),
    Resource(f"arn:aws:cloudformation:{REGION}:aws:transform/Serverless-2016-10-31"),
]
"""What exists only once it is created, or belongs to the account."""
