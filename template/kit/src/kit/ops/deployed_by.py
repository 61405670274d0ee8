"""Which infrastructure tool deployed a stage: two tools cannot own resources of the same names.

The tags of a function tell. CloudFormation adds the stack's name to whatever it creates, and the transform of a shorter
template adds a tag of its own. Sources: CloudFormation User Guide, "Resource tags"; samtranslator, `lambda:createdBy`.
`make infra-mark` prints what the project's own tool leaves there.
"""

from typing import Any

from kit.errors import UsageError
from kit.ops import iac
from kit.ops.aws_account import Account
from kit.ops.retry import RETRY
from kit.ops.stage import Stage

UNKNOWN = "unknown"


def require(account: Account, stage: Stage) -> str:
    """Raise `UsageError` when another tool deployed the stage; return a note for the summary, usually empty."""
    owner = mark(account, stage)
    if owner == UNKNOWN:
        return "can't check which tool deployed this stage: no lambda:ListTags (make policy FOR=deploy has it)"
    if owner and owner != (own := iac.output("infra-mark", stage)):
        raise UsageError(
            f"{stage.resource_prefix} was deployed by another tool than the one in infra/ (its functions are marked "
            f"{owner!r}, this tool's {own!r}). Two tools cannot own the same names. Deploy a stage beside it: make deploy "
            f"STAGE=next, or first run make destroy STAGE={stage.name} in the commit that has the other tool. See "
            "“Changing an answer” in docs/upgrading.md of the template."
        )
    return ""


def mark(account: Account, stage: Stage) -> str:
    """How the stage's web function is tagged by the tool that deployed it; "" without one, or `UNKNOWN`."""
    functions = account.session.client("lambda", config=RETRY)
    try:
        function: dict[str, Any] = functions.get_function(FunctionName=f"{stage.resource_prefix}-web")
    except functions.exceptions.ResourceNotFoundException:
        return ""
    if "TagsError" in function:  # Lambda API Reference, GetFunction: without lambda:ListTags
        return UNKNOWN
    tags = function.get("Tags", {})
    return " ".join(
        ["stack" if "aws:cloudformation:stack-name" in tags else "alone", tags.get("lambda:createdBy", "")]
    ).strip()
