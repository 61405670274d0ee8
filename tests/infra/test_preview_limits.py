"""The policies of a role that deploys previews: they reach no resource of production's, and all of a preview's own."""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import deployer
import pytest
from deployer import BOUNDARY
from iam_evaluation import Policy, about, allows, many
from stage_resources import APIS, PROJECT, Resource, arn, of_production_alone, of_stage

READS = re.compile(r":(BatchCheck|BatchGet|Describe|Filter|GET$|Get|List|View)")
PATTERN, OWN = "preview*", "preview12"
PRODUCTION = [*of_stage("prod"), *of_production_alone()]

CREATES = {
    "ec2:CreateSecurityGroup": "a new group, in a network; neither an existing group nor the network changes",
    "cloudfront:CreateCachePolicy": "a new one, which no distribution has",
    "cloudfront:CreateDistribution": "a new one; the domain of another is taken",
    "cloudfront:CreateFunction": "a new one, which no distribution has; the name of another is taken",
    "cloudfront:CreateOriginAccessControl": "a new one, which no distribution has",
}
"""Actions that are allowed on a kind of resource because they create one, and what they do to those that exist."""


def changes(*documents: Policy) -> list[str]:
    """The actions that these policies allow, but for those that only read."""
    statements = [each for one in documents for each in one["Statement"] if each["Effect"] == "Allow"]
    actions = {action for statement in statements for action in many(statement["Action"])}
    return sorted(action for action in actions if not READS.search(action))


def requests(resource: Resource) -> Iterator[dict[str, str]]:
    """What IAM may know of a request for an existing resource, with what its sender chooses."""
    chosen: list[list[dict[str, str]]] = [
        [{}, *({"aws:RequestTag/project": PROJECT, "aws:RequestTag/stage": stage} for stage in (OWN, "prod"))],
        [{}, *({"iam:PassedToService": f"{name}.amazonaws.com"} for name in ("lambda", "ecs-tasks", "scheduler"))],
        [{}, {"iam:PermissionsBoundary": BOUNDARY}],
        [{}, {"ecs:cluster": arn("ecs", f"cluster/{PROJECT}-{OWN}")}],
    ]
    for context, *options in itertools.product(resource.contexts(), *chosen):
        request = dict(context)
        for option in options:
            request = option | request  # what AWS knows of the resource is not for its sender to choose
        yield request


def reached(
    action: str, resources: list[Resource], documents: list[Policy], boundary: Policy | None = None
) -> list[str]:
    """The resources that any request with this action is allowed for."""
    documents = about(action, documents)
    return [
        f"{action} on {resource.arn}"
        for resource in resources
        for target in (resource.arn, "*")  # "*" for an action that supports no resources
        if resource.service == action.partition(":")[0]
        and any(allows(action, target, request, documents, boundary) for request in requests(resource))
    ]


@pytest.mark.parametrize("iac", deployer.TOOLS)
def test_production_is_out_of_reach_of_a_role_for_previews(iac: str) -> None:
    documents = deployer.policies(iac, PATTERN, limited=True)
    attempted = changes(*documents)
    assert len(attempted) > 100
    attempted = [action for action in attempted if action not in CREATES]
    assert [found for action in attempted for found in reached(action, PRODUCTION, documents)] == []


def test_so_it_is_of_the_roles_that_such_a_role_creates() -> None:
    """Whatever policies it gives them."""
    anything: list[Policy] = [{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}]
    boundary = deployer.document("policies/boundary.json", PATTERN)
    for action in [*changes(boundary), "iam:CreateRole", "lambda:UpdateFunctionCode", "ssm:PutParameter"]:
        account_wide = action.startswith("ssmmessages:")
        assert account_wide or reached(action, PRODUCTION, anything, boundary) == []


@pytest.mark.parametrize("iac", deployer.TOOLS)
def test_a_role_for_previews_may_do_all_of_its_work(iac: str) -> None:
    """Each action is allowed for a resource of the preview's, whatever AWS tells of the tags of a part of an API."""
    documents = deployer.policies(iac, PATTERN, limited=True)
    refused = [action for action in changes(*documents) if not deployer.may(action, documents, OWN)]
    assert set(refused) == deployer.DENIED.keys()


CONDITIONED = [
    ("lambda:DeleteEventSourceMapping", f"event-source-mapping:{OWN}-0a1b"),
    ("lambda:UpdateEventSourceMapping", f"event-source-mapping:{OWN}-0a1b"),
    ("cloudfront:UpdateDistribution", f"distribution/{OWN}EXAMPLE"),
    ("ec2:DeleteSecurityGroup", f"security-group/security-group-{OWN}"),
    ("ec2:RevokeSecurityGroupEgress", f"security-group/security-group-{OWN}"),
    ("apigateway:DELETE", f"/apis/{APIS[OWN]}"),
    ("apigateway:PATCH", f"/apis/{APIS[OWN]}"),
    *(
        (f"apigateway:{verb}", f"/apis/{APIS[OWN]}/{part}")
        for verb, part in itertools.product(("DELETE", "PATCH"), ("integrations/0a", "routes/0a", "stages/$default"))
    ),
    *(("apigateway:POST", f"/apis/{APIS[OWN]}/{part}") for part in ("integrations", "routes", "stages")),
]


@pytest.mark.parametrize(("action", "name"), CONDITIONED, ids=" ".join)
def test_conditions_let_through_what_is_the_previews_own(action: str, name: str) -> None:
    [resource] = [each for each in of_stage(OWN) if each.arn.endswith(f":{name}")]
    assert all(
        allows(action, resource.arn, context, deployer.policies("sam", PATTERN, limited=True))
        for context in resource.contexts()
    )


def test_without_the_limits_a_role_for_previews_would_reach_production() -> None:
    """So each of them is needed."""
    documents = deployer.policies("sam", PATTERN)
    found = {each for action in changes(*documents) for each in reached(action, PRODUCTION, documents)}
    assert any("ecs:Deregister" in each for each in found)
    assert any("sns:Unsubscribe" in each for each in found)
    assert any("cloudfront:UpdateCachePolicy" in each for each in found)
    assert any(f"/apis/{APIS['prod']}/routes" in each for each in found)
    role = Resource(arn("iam", f"role/{PROJECT}-{OWN}-web"))
    assert allows("iam:PutRolePolicy", role.arn, {}, documents)
    assert not allows("iam:PutRolePolicy", role.arn, {}, deployer.policies("sam", PATTERN, limited=True))
    assert allows(
        "iam:PutRolePolicy",
        role.arn,
        {"iam:PermissionsBoundary": BOUNDARY},
        deployer.policies("sam", PATTERN, limited=True),
    )


RULES = [
    ({"Action": "s3:*", "Resource": "*"}, {}, True),
    ({"Action": "s3:Get*", "Resource": "*"}, {}, False),
    ({"Action": "S3:putobject", "Resource": "arn:aws:s3:::a-?/*"}, {}, True),
    ({"Action": "s3:PutObject", "Resource": "arn:aws:s3:::a-?"}, {}, False),
    ({"Condition": {"StringLike": {"k": ["x*", "y*"]}}}, {"K": "yes"}, True),
    ({"Condition": {"StringLike": {"k": "x*"}}}, {}, False),
    ({"Condition": {"StringLikeIfExists": {"k": "x*"}}}, {}, True),
    ({"Condition": {"StringLikeIfExists": {"k": "x*"}}}, {"k": "y"}, False),
    ({"Condition": {"StringNotEquals": {"k": "x"}}}, {}, True),
    ({"Condition": {"StringNotEquals": {"k": "x"}}}, {"k": "x"}, False),
    ({"Condition": {"StringEquals": {"k": "x", "l": "y"}}}, {"k": "x"}, False),
    ({"Condition": {"ArnLike": {"k": "arn:aws:x:*:1:f:a-*"}}}, {"k": "arn:aws:x:r:1:f:a-b:live"}, True),
    ({"Condition": {"ArnLike": {"k": "arn:aws:*:1:f:a"}}}, {"k": "arn:aws:x:r:1:f:a"}, False),
]


@pytest.mark.parametrize(("statement", "context", "expected"), RULES, ids=[json.dumps(rule[:2]) for rule in RULES])
def test_a_statement_is_evaluated_as_iam_documents(
    statement: dict[str, Any], context: dict[str, str], expected: bool
) -> None:
    allow = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"} | statement
    assert allows("s3:PutObject", "arn:aws:s3:::a-1/b", context, [{"Statement": [allow]}]) is expected
    deny = [{"Statement": [allow | {"Effect": "Deny"}, {"Effect": "Allow", "Action": "*", "Resource": "*"}]}]
    assert allows("s3:PutObject", "arn:aws:s3:::a-1/b", context, deny) is not expected
