"""Deploying a deploy request: check it, start it, and wait for its end."""

from kit.planetscale import schema, states
from kit.planetscale.branches import POLL_SECONDS, Stopped
from kit.planetscale.client import ApiError, NotFound
from kit.planetscale.deploy_queue import needs_confirmation
from kit.planetscale.deploy_requests import DeployRequests, Request, is_ours
from kit.planetscale.run import Run
from kit.planetscale.states import Outcome


class Deployment:
    """The deployment of the development branch's deploy request."""

    def __init__(self, run: Run, requests: DeployRequests) -> None:
        self.run = run
        self.requests = requests

    def follow(self) -> None:
        """Do what each state of the deploy request asks for until it is deployed; raises `Stopped` when it fails."""
        latest = self.requests.latest()
        if latest is None:
            raise Stopped(
                f"The deploy request of {self.run.branch_name} is gone. Start again with: {self.run.resume_command}"
            )
        number, waited, last_state = latest["number"], 0.0, ""
        while True:
            request = self.requests.get(number)
            if request["deployment_state"] != last_state:
                last_state = request["deployment_state"]
                self.run.say(states.describe(request))
            if self._done(request):
                return
            if waited >= self.run.wait_seconds:
                raise Stopped(
                    f"{states.describe(request)}\nIt continues at PlanetScale. "
                    f"Continue later with: {self.run.resume_command}"
                )
            self.run.sleep(POLL_SECONDS)
            waited += POLL_SECONDS

    def resumable(self, request: Request) -> bool:
        """Whether it is deployed, is being deployed, or may still be deployed as the earlier run checked it."""
        outcome = states.outcome(request)
        if outcome in {Outcome.DEPLOYED, Outcome.REVERTIBLE} or states.in_flight(request):
            return True
        return outcome in {Outcome.WAIT, Outcome.DEPLOY} and self._drift(request, *self._tables()) is None

    def _done(self, request: Request) -> bool:
        """Do what the state asks for; returns whether the deployment has ended. Raises `Stopped`."""
        match states.outcome(request):
            case Outcome.DEPLOYED:
                return True
            case Outcome.REVERTIBLE:
                return not self.run.skip_revert or self._make_final(request["number"])
            case Outcome.UNCHANGED:
                self.requests.close(request)
                self.run.say(f"{self.run.target.branch} already has this schema.")
                return True
            case Outcome.DEPLOY:
                self._check(request)
                self._start(request)
            case Outcome.CONFIRM:
                raise Stopped(f"{needs_confirmation(self.run, request)}. Then: {self.run.resume_command}")
            case Outcome.FAILED:
                if not states.blocks_queue(request["deployment_state"]):
                    self.requests.close(request)
                raise Stopped(f"{states.describe(request)}\n{states.next_step(request, self.run.resume_command)}")
            case Outcome.WAIT:
                self._check_waiting(request)
        return False

    def _make_final(self, number: int) -> bool:
        """Skip the revert window; False when it ended otherwise. A failure is only printed: the schema is live."""
        try:
            self.run.patience.until(
                lambda: self.requests.skip_revert(number), f"the revert window of deploy request #{number}"
            )
            return states.outcome(self.requests.get(number)) is Outcome.DEPLOYED
        except (ApiError, Stopped) as error:
            self.run.say(f"The schema is deployed, but it can still be reverted: {error}")
            return True

    def _check_waiting(self, request: Request) -> None:
        """Raise `Stopped` if what it waits for will not happen by itself."""
        if request["deployment_state"] == "ready" and self.run.target.approval and not request["approved"]:
            raise Stopped(f"{states.describe(request)}\nIt has to be approved there. Then: {self.run.resume_command}")
        for other in request["deployment"].get("preceding_deployments") or []:
            if states.blocks_queue(str(other.get("state"))):
                number = int(other["deploy_request_number"])
                if number not in self.requests.acknowledged and is_ours(self.requests.get(number)):
                    return self.requests.acknowledge(number)
                raise Stopped(
                    f"{states.describe(request)}\n"
                    "The other one failed and blocks the deploy queue. Find out why, then unblock it:\n"
                    f"  {self.run.deploy_request_command('unblock', number)}\n  {self.run.resume_command}"
                )

    def _check(self, request: Request) -> None:
        """Close the request and raise `Stopped` if it must not be deployed."""
        number, resume = request["number"], self.run.resume_command
        if states.lint_errors(request):
            self._refuse(request, f"{states.describe(request)}\nCorrect the migrations, then: {resume}")
        tables = self._tables()
        if drift := self._drift(request, *tables):
            self._refuse(request, f"Deploy request #{number}: {drift}. Start again with: {resume}")
        operations = request["deployment"]["deploy_operations"]
        if statements := schema.unexpected(operations, *tables):
            self._refuse(
                request,
                f"Deploy request #{number} would do what no migration does:\n  "
                + "\n  ".join(statements)
                + f"\nIts branch may be older than {self.run.target.branch}. Start again with: {resume}",
            )
        for statement in schema.dropping(operations):
            self.run.say(f"This drops data, as the migrations ask for: {statement}")

    def _refuse(self, request: Request, message: str) -> None:
        self.requests.close(request)
        raise Stopped(message)

    def _start(self, request: Request) -> None:
        try:
            self.requests.act(request["number"], "deploy", "ready")
        except NotFound:
            raise
        except ApiError as error:
            raise Stopped(
                f"PlanetScale did not deploy request #{request['number']}: {error.reason}\n"
                f"If it has to be approved, approve it: {request['html_url']}\nThen: {self.run.resume_command}"
            ) from error

    def _tables(self) -> tuple[schema.Tables, schema.Tables]:
        """The tables of the target and of the development branch, which has none once it is deleted."""
        exists = self.run.branch.find() is not None
        target = schema.read(self.run.client, self.run.target.branch)
        return target, schema.read(self.run.client, self.run.branch_name) if exists else {}

    def _drift(self, request: Request, target: schema.Tables, branch: schema.Tables) -> str | None:
        """Why the deploy request is no longer what was checked, or None."""
        if record(target, branch) in request["notes"]:
            return None
        return (
            f"the schema of {self.run.target.branch} or of {self.run.branch_name} changed since the branch was migrated"
        )


def record(target: schema.Tables, branch: schema.Tables) -> str:
    """The line in a deploy request's notes that tells a later run which schemas were checked."""
    return f"Checked by kit migrate: {schema.fingerprint(target)} to {schema.fingerprint(branch)}"
