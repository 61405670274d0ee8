"""Let a changed secret of a live stage reach every new request, by a new version of the code that is live."""

from kit.errors import UsageError
from kit.ops import health_check, retry
from kit.ops.aws_account import Account
from kit.ops.progress import step
from kit.ops.releases import APPLIED, Releases
from kit.ops.stage import Stage


def renew(account: Account, stage: Stage) -> str:
    """Publish the live code again and shift traffic to it; return a sentence that says when the secret takes effect.

    The new version takes the place of the live one, so a rollback goes back to the deployment before.

    Raises `UsageError` if the new version isn't healthy; the earlier one stays live then.
    """
    try:
        with retry.explain_errors("deploy"):
            return _renew(account, stage)
    except UsageError as error:
        raise UsageError(
            f"{error}\n\nThe change is stored, and the live version has the earlier value. Correct the cause, then: "
            f"make deploy STAGE={stage.name}"
        ) from None


def _renew(account: Account, stage: Stage) -> str:
    releases = Releases(account, stage)
    record = releases.history()
    if not record:
        return "It takes effect with the next deployment."
    live, *earlier = record
    if not releases.are_alike(live, APPLIED):
        return (
            f"Version {live.web} is live, but something else has been applied since, by a deployment that is not complete "
            f"or was rolled back. So it keeps the earlier value until the next deployment: make deploy STAGE={stage.name}"
        )
    with step("publish a version") as current:
        new = releases.publish(releases.description(live.web))
        current.update(new.web)
    if not releases.are_alike(live, new):
        raise UsageError("A deployment has begun meanwhile.")
    with step("check the version's health"):
        health_check.check_version(account, stage, new.web)
    with step("shift traffic"):
        releases.activate([new, *earlier])
    return "Every new request and job has it. Tasks that are running keep the earlier value until they end."
