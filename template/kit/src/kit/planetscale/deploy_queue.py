"""Waiting until no other deployment is running, and cleaning up after earlier runs."""

from kit.planetscale import states
from kit.planetscale.branches import Stopped
from kit.planetscale.deploy_requests import DeployRequests, Request, is_ours
from kit.planetscale.run import BRANCH_PREFIX, Run
from kit.planetscale.states import Outcome


class DeployQueue:
    """PlanetScale's deploy queue of the target branch: one deployment at a time."""

    def __init__(self, run: Run, requests: DeployRequests) -> None:
        self.run = run
        self.requests = requests

    def wait(self) -> None:
        """Wait until other deployments have finished: a branch created earlier would be older than production."""
        self.run.patience.until(self._pending, f"earlier deployments into {self.run.target.branch}")
        self._delete_leftovers()

    def _pending(self) -> str | None:
        """The deployment that is waited for, or None. Raises `Stopped` when waiting does not help."""
        requests = self.requests.find()
        failed = [
            request["number"]
            for request in requests
            if is_ours(request) and states.blocks_queue(request["deployment_state"])
        ]
        for number in failed:  # first, because others may be waiting behind it
            if number not in self.requests.acknowledged:
                self.requests.acknowledge(number)
        for request in requests:
            if request["branch"] == self.run.branch_name or request["number"] in failed:
                continue
            if reason := self._pending_for(request):
                return reason
        return None

    def _pending_for(self, request: Request) -> str | None:
        if request["deployment_state"] == "complete_pending_revert":
            return self._end_revert_window(request)
        if not states.started(request) or not states.in_flight(details := self.requests.get(request["number"])):
            return None
        if states.outcome(details) is Outcome.CONFIRM:
            raise Stopped(f"{needs_confirmation(self.run, details)}. Then: {self.run.resume_command}")
        return states.describe(details)

    def _end_revert_window(self, request: Request) -> str | None:
        """Finish an earlier deployment that can still be reverted, or raise `Stopped` with the command that does.

        Until then PlanetScale deploys nothing else, and production does not count the migrations as applied.
        """
        number, ours = request["number"], is_ours(request)
        if ours and self.run.skip_revert:
            return self.requests.skip_revert(number)
        command = (
            f"{self.run.resume_command} SKIP_REVERT=1"
            if ours
            else self.run.deploy_request_command("skip-revert", number)
        )
        raise Stopped(
            f"Deploy request #{number} can still be reverted, and until then PlanetScale deploys nothing else. Wait "
            f"until its 30 minutes have passed, or make it final: {command}"
        )

    def _delete_leftovers(self) -> None:
        """Delete branches of earlier runs whose deploy request is over; name those that may be in use."""
        requests = self.requests.find()
        for name in sorted(branch["name"] for branch in self.run.client.items("branches") if not branch["production"]):
            if not name.startswith(BRANCH_PREFIX) or name == self.run.branch_name:
                continue
            of_branch = [request for request in requests if request["branch"] == name]
            if numbers := [request["number"] for request in of_branch if request["state"] == "open"]:
                self.run.say(
                    f"Deploy request #{numbers[0]} of the branch {name} is open. If nothing needs it, close it."
                )
            elif of_branch:
                self.run.delete_branch(self.run.branch_named(name))
            else:
                self.run.say(f"The branch {name} has no deploy request. If no other run is using it, delete it.")


def needs_confirmation(run: Run, request: Request) -> str:
    """Why a deployment waits for a person, and the command that confirms it."""
    return (
        f"{states.describe(request)}\nSomebody turned its automatic cutover off, so it waits to be applied: "
        + run.deploy_request_command("apply", request["number"])
    )
