"""The permissions boundary of a stage's roles: a managed policy that limits them, whatever policies they are given.

Whoever may create roles for a stage, such as a pipeline for previews, could otherwise create one that may do anything.
Source: IAM User Guide, "Permissions boundaries for IAM entities".
"""

from botocore.exceptions import ClientError

from kit.ops import retry
from kit.ops.aws_account import Account
from kit.ops.stage import Stage


def name(project: str, stage: str) -> str:
    """The policy's name, for a stage or a pattern: numbered stages such as preview12 share that of preview."""
    return f"{project}-{stage.rstrip('*0123456789')}-boundary"


def find(account: Account, stage: Stage) -> str:
    """The ARN of the policy if the account has it, otherwise ""; "" too for a caller that may not know."""
    partition = account.session.get_partition_for_region(account.region)
    arn = f"arn:{partition}:iam::{account.number}:policy/{name(stage.project, stage.name)}"
    try:
        account.session.client("iam", config=retry.RETRY).get_policy(PolicyArn=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchEntity", "AccessDenied"}:
            return ""
        raise
    return arn
