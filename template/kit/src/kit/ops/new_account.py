"""What an AWS account lacks for a first deployment: AWS has no service-linked roles in a new one."""

from botocore.exceptions import ClientError

from kit.ops.aws_account import Account

ECS_ROLE = "AWSServiceRoleForECS"
"""Source: the Amazon ECS Developer Guide, "Using service-linked roles"."""


def lacking(account: Account) -> list[str]:
    """Return a sentence for each thing that is missing, with what to do; what may not be read is left out."""
    return [sentence for check in (_ecs_role,) if (sentence := check(account))]


def _ecs_role(account: Account) -> str:
    roles = account.session.client("iam")
    try:
        roles.get_role(RoleName=ECS_ROLE)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchEntity":
            return (
                f"The role {ECS_ROLE} doesn't exist; AWS creates it with the first cluster, if you may. Otherwise an "
                "administrator does: aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com"
            )
    return ""
