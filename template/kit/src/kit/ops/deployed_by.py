"""Which tool deployed a stage: two tools cannot own what has the same names.

A function's tags show it. CloudFormation puts the stack's name on whatever it makes, and what makes a stack of a shorter
template adds itself. Sources: CloudFormation User Guide, "Resource tags"; samtranslator, `lambda:createdBy`. What the
project's own tool leaves there is what `make infra-mark` prints.
"""

from typing import Any

from kit.errors import UsageError
from kit.ops import iac
from kit.ops.aws_account import Account
from kit.ops.retry import PATIENT
from kit.ops.stage import Stage

UNKNOWN = "unknown"


def require(account: Account, stage: Stage) -> str:
    """Raise `UsageError` when another tool deployed the stage; else give a remark for the summary, empty most times."""
    found = mark(account, stage)
    if found == UNKNOWN:
        return "cannot be seen: these credentials lack lambda:ListTags (make policy FOR=deploy has it)"
    if found and found != (own := iac.output("infra-mark", stage)):
        raise UsageError(
            f"{stage.called} was deployed by another tool than the one in infra/ (its functions are marked {found!r}, "
            f"those of this tool {own!r}). Two tools cannot own the same names. Deploy beside it: make deploy STAGE=next, "
            f"or first run make destroy STAGE={stage.name} in the commit that has the other tool. See “Changing an "
            "answer” in docs/upgrading.md of the template."
        )
    return ""


def mark(account: Account, stage: Stage) -> str:
    """Give what the tool that deployed a stage leaves on its function; "" when there is none, or `UNKNOWN`."""
    functions = account.session.client("lambda", config=PATIENT)
    try:
        function: dict[str, Any] = functions.get_function(FunctionName=f"{stage.called}-web")
    except functions.exceptions.ResourceNotFoundException:
        return ""
    if "TagsError" in function:  # Lambda API Reference, GetFunction: without lambda:ListTags
        return UNKNOWN
    tags = function.get("Tags", {})
    return " ".join(
        ["stack" if "aws:cloudformation:stack-name" in tags else "alone", tags.get("lambda:createdBy", "")]
    ).strip()
