"""What an AWS account lacks for a first deployment: AWS has no service-linked roles in a new one."""

from botocore.exceptions import ClientError

from kit.ops.aws_account import Account

ROLES = {
    "AWSServiceRoleForECS": ("ecs.amazonaws.com", "cluster"),
    "AWSServiceRoleForAPIGateway": ("ops.apigateway.amazonaws.com", "API or domain"),
}
"""The service-linked roles that are needed, each with its service and with what AWS creates it for; EventBridge Scheduler
has none, as it uses the stage's own.

Sources: the Amazon ECS and Amazon API Gateway Developer Guides, "Using service-linked roles"; the IAM User Guide, "AWS
services that work with IAM".
"""


def lacking(account: Account) -> list[str]:
    """Return a sentence for each thing that is missing, with what to do; what may not be read is left out."""
    return [sentence for name in ROLES if (sentence := _role(account, name))]


def _role(account: Account, name: str) -> str:
    service, first = ROLES[name]
    roles = account.session.client("iam")
    try:
        roles.get_role(RoleName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchEntity":
            return (
                f"The role {name} doesn't exist; AWS creates it with the first {first}, if you may. Otherwise an "
                f"administrator does: aws iam create-service-linked-role --aws-service-name {service}"
            )
    return ""
