"""Reading, closing, deploying and acknowledging the deploy requests into one branch."""

from typing import Any

from kit.planetscale.client import ApiError, Unsure
from kit.planetscale.run import BRANCH_PREFIX, Run

Request = dict[str, Any]
"""A deploy request, as PlanetScale's API returns it."""


class DeployRequests:
    """The deploy requests into the run's target branch."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.acknowledged: set[int] = set()
        """The failed deploy requests that this run tried to acknowledge."""
        self.skipped: set[int] = set()
        """The deploy requests whose revert window this run asked to skip."""

    def find(self, **query: str) -> list[Request]:
        """Every deploy request, without the details of its deployment."""
        return [*self.run.client.items("deploy-requests", into_branch=self.run.target.branch, **query)]

    def get(self, number: int) -> Request:
        """One deploy request with its deployment."""
        request: Request = self.run.client.get("deploy-requests/{}", number)
        return request

    def latest(self) -> Request | None:
        """The newest deploy request of the development branch."""
        numbers = [request["number"] for request in self.find(branch=self.run.branch_name)]
        return self.get(max(numbers)) if numbers else None

    def close(self, request: Request) -> None:
        """Close it if it is open. A failure is only printed."""
        if request["state"] != "open":
            return
        try:
            self.run.client.patch("deploy-requests/{}", request["number"], state="closed")
        except ApiError as error:
            self.run.say(f"Deploy request #{request['number']} could not be closed: {error}")

    def acknowledge(self, number: int) -> None:
        """Acknowledge the failed deployment or revert of one of ours, which unblocks the queue; once in a run."""
        self.acknowledged.add(number)
        try:
            self.run.client.post("deploy-requests/{}/complete-deploy", number)
            self.run.say(f"The failure of deploy request #{number} is acknowledged, so it no longer blocks the queue.")
        except ApiError as error:
            self.run.say(f"The failure of deploy request #{number} could not be acknowledged: {error}")

    def skip_revert(self, number: int) -> str | None:
        """Ask once to skip the revert window; None when the window is over, else what is waited for."""
        if self.get(number)["deployment_state"] != "complete_pending_revert":
            return None
        if number not in self.skipped and self.act(number, "skip-revert", "complete_pending_revert"):
            self.skipped.add(number)
        return f"deploy request #{number} can still be reverted"

    def act(self, number: int, action: str, state: str) -> bool:
        """Post an action on a deploy request that was in `state`; returns whether it is certain to have been accepted.

        Between reading the state and posting, it may have changed, and PlanetScale may still be validating a request
        that is ready (sluicesync/sluice, ADR-0162, live finding 4). Then the state is to be read again. Raises `ApiError`
        when the action is refused for good.
        """
        try:
            self.run.client.post(f"deploy-requests/{{}}/{action}", number)
        except Unsure:
            return False
        except ApiError as error:
            if not is_busy(error) and self.get(number)["deployment_state"] == state:
                raise
            return False
        return True


def is_ours(request: Request) -> bool:
    """Whether a run of `make migrate` opened the deploy request."""
    branch: str = request["branch"]
    return branch.startswith(BRANCH_PREFIX)


def is_busy(error: ApiError) -> bool:
    """Whether PlanetScale refuses only until something else has finished."""
    return error.status == 422 and any(words in error.reason.lower() for words in ("try again", "in progress"))
