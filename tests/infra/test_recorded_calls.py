"""What a stage's life calls in AWS, as the rehearsals recorded it, and the policies that are documented for it.

`RECORD_CALLS=1 make test ARGS="tests/infra/test_rehearsal.py tests/infra/test_preview_rehearsal.py
tests/infra/test_terraform_calls.py"` records anew: with SAM and CDK, the first deployment, more of them, `./exec`,
`make status`, `logs`, `rollback`, `secret` and `destroy`; a preview; with Terraform, its state.
"""

import deployer
import pytest
import recording
from iam_evaluation import allows

ACCOUNT, REGION = "000000000000", "us-east-1"  # MiniStack's
RECORDED = recording.recorded()
SHARED = "aws-sam-cli-managed-default"
"""The stack of SAM's bucket: a preview finds it, since production is deployed first; its rehearsal had to create it."""
PERMITTED = {"sts:GetCallerIdentity": "needs no permission"}


def lacking(iac: str, calls: list[str], pattern: str, stage: str, *, limited: bool = False) -> list[str]:
    """The calls that the policies do not allow."""
    documents = deployer.policies(iac, pattern, limited=limited)
    local = deployer.policies(iac, pattern, limited=limited, account=ACCOUNT, region=REGION)
    refused = []
    for call in calls:
        action, _, subject = call.partition(" ")
        if subject:
            prefix = (
                "arn:aws:s3:::" if action.startswith("s3:") else f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/"
            )
            allowed = allows(action, f"{prefix}{subject}{'' if action.startswith('s3:') else '/0a1b'}", {}, local)
        else:
            allowed = deployer.may(action, documents, stage)
        if not allowed and action not in PERMITTED:
            refused.append(call)
    return refused


@pytest.mark.parametrize("iac", deployer.TOOLS)
def test_each_tools_policies_allow_what_the_life_of_a_stage_calls(iac: str) -> None:
    assert lacking(iac, RECORDED[iac], "prod", "prod") == []


def test_those_of_a_role_for_previews_allow_what_the_life_of_a_preview_calls() -> None:
    refused = lacking("sam", RECORDED["preview"], "preview*", "preview12", limited=True)
    assert {call.partition(" ")[0] for call in refused if not call.endswith(f" {SHARED}")} <= deployer.DENIED.keys()


def test_the_lives_are_recorded_whole() -> None:
    for iac in ("sam", "cdk"):
        actions = {call.partition(" ")[0] for call in RECORDED[iac]}
        assert {
            "cloudformation:DeleteStack",
            "ecs:RunTask",
            "lambda:PublishVersion",
            "lambda:UpdateAlias",
            "logs:FilterLogEvents",
            "ssm:PutParameter",
        } <= actions
    assert "ssm:DeleteParameter" in RECORDED["preview"]
    assert "s3:PutObject my-state/env:/prod/my-app.tflock" in RECORDED["terraform"]
