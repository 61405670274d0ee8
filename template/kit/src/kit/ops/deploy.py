"""`make deploy`: deploy the project's current state to a stage; traffic is shifted only once it is healthy.

Nothing is live before the last steps: push the image, apply the infrastructure, run the migrations in the new image,
check the new version's health, move the alias. An interrupted deployment continues when it is run again.
"""

import argparse
import contextlib
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from kit.errors import UsageError
from kit.ops import (
    aws_account,
    boundary,
    budget,
    cdn,
    commits,
    confirm,
    cost,
    deployed,
    deployed_by,
    engine,
    exclusive_task,
    health_check,
    iac,
    image,
    lambda_quota,
    network,
    new_account,
    queues,
    retry,
    rollback,
    secret,
    stage_settings,
)
from kit.ops.cost_model import DeployedResources, TrafficModel
from kit.ops.ecs_task import HOUR, TaskSpec
from kit.ops.lambda_quota import UNRESERVED, LambdaQuota
from kit.ops.progress import step
from kit.ops.queues import Undeclared
from kit.ops.releases import Release, Releases
from kit.ops.stage import Stage, add_command

MIGRATE = ["python", "-m", "kit", "migrate"]
"""What the command of every migration begins with, whoever starts it."""


def register(commands: Any) -> None:
    """Add the command and its options."""
    parser = add_command(commands, "deploy", "Deploy the project's current state to a stage and print its URL.", run)
    parser.add_argument("--yes", action="store_true", help="don't ask for confirmation")
    parser.add_argument("--direct", action="store_true", help="migrate without a deploy request")
    parser.add_argument("--skip-revert", action="store_true", help="finalize a deploy request at once")
    parser.add_argument(
        "--tip", default="", metavar="BRANCH", help="only if this is the branch's newest commit on GitHub"
    )
    parser.add_argument("--older", action="store_true", help="even if the live version's commit is newer")
    parser.add_argument("--drop-queue", default="", metavar="NAME", help="delete a queue that no job uses any more")
    parser.add_argument("--image-file", default="", metavar="FILE", help="deploy this image, which `make image` saved")


def run(arguments: argparse.Namespace) -> None:
    """Deploy; only the URL goes to standard output."""
    stage = Stage.of(arguments.stage)
    plan = Plan(
        stage,
        arguments.direct,
        arguments.skip_revert,
        arguments.drop_queue,
        image_file=arguments.image_file,
    )
    with contextlib.redirect_stdout(sys.stderr):
        if arguments.tip:
            commits.require_tip(arguments.tip)
        account, settings, note = check_prerequisites(stage)
        releases = Releases(account, stage)
        record = releases.history()
        commit = commits.require_newer(releases, record, older=arguments.older, again=plan.again)
        undeclared = queues.undeclared(account, stage, plan.drop_queue)
        quota, capacity = lambda_quota.read_if_allowed(account)
        plan = replace(plan, **limits(quota, settings))
        lacking = [] if record else new_account.lacking(account)
        environments = quota.environments if quota else None
        show(account, settings, plan, record, undeclared, note, lacking, capacity, environments, commit)
        confirm.ask("Continue?", yes=arguments.yes, hint=f"Add YES=1: make deploy STAGE={stage.name} YES=1")
        address = Deployment(account, plan, settings, undeclared).run()
        print(rollback.hint(stage, releases.history()))
    print(address)


@dataclass(frozen=True)
class Plan:
    """What to deploy to, and how to migrate."""

    stage: Stage
    direct: bool = False
    skip_revert: bool = False
    drop_queue: str = ""
    jobs_concurrency: int | None = None
    """What a queue's jobs get instead of the setting, because the account's quota is low."""
    jobs_note: str = ""
    image_file: str = ""
    """An archive of the image; empty builds it."""

    @property
    def migration(self) -> list[str]:
        """The command that the new image runs before traffic is shifted."""
        options = ["--direct"] * self.direct + ["--skip-revert"] * self.skip_revert
        return [*MIGRATE, *options]

    @property
    def again(self) -> str:
        """The command that continues this deployment."""
        options = [" DIRECT=1" * self.direct, " SKIP_REVERT=1" * self.skip_revert]
        named = {"DROP_QUEUE": self.drop_queue, "IMAGE_FILE": shlex.quote(self.image_file) if self.image_file else ""}
        options += [f" {name}={value}" for name, value in named.items() if value]
        return f"make deploy STAGE={self.stage.name}{''.join(options)}"


def limits(quota: LambdaQuota | None, settings: iac.Settings) -> dict[str, Any]:
    """The fields of a plan that follow from the account's quota; raises `UsageError` for a setting that AWS would refuse."""
    if quota is None:
        return {}
    reserved = settings.web_reserved_concurrency
    if reserved > max(quota.environments - UNRESERVED, 0):
        raise UsageError(
            f"web_reserved_concurrency is {reserved}, but this account runs {quota.environments:,} environments, of which "
            f"{UNRESERVED} must stay unreserved. Remove the setting: throttle_rate limits the costs as well. Or ask for more: "
            "make quota"
        )
    number = len(DeployedResources.by_default().manifest["queues"])
    if note := quota.describe_jobs(settings.jobs_concurrency, number):
        return {"jobs_concurrency": quota.jobs_concurrency(settings.jobs_concurrency, number), "jobs_note": note}
    return {}


def check_prerequisites(stage: Stage) -> tuple[aws_account.Account, iac.Settings, str]:
    """Check everything that can be checked before anything is changed; raises `UsageError`.

    Returns the account, the stage's settings, and a note on the tool that deployed the stage.
    """
    account = aws_account.account()
    note = deployed_by.require(account, stage)
    settings = network.resolve(account, stage, iac.settings(stage))
    cdn.require(account, settings)
    secret.require(account, stage, settings.database_secret)
    stage_settings.require(account, stage)
    engine.require()
    return account, settings, note


def show(
    account: aws_account.Account,
    settings: iac.Settings,
    plan: Plan,
    record: list[Release],
    undeclared: Undeclared,
    note: str = "",
    lacking: Sequence[str] = (),
    capacity: str = "",
    environments: int | None = None,
    commit: str = "",
) -> None:
    """Print what is about to be done, where, and as whom; first of all what the account lacks."""
    resources = resources_of(settings, plan.stage)
    traffic = TrafficModel() if environments is None else TrafficModel(environments=environments)
    existing = ", ".join(deployed.stages(account, plan.stage.project)) or "none"
    lines = {
        "as": account.caller,
        "image": f"{f'load {plan.image_file}' if plan.image_file else f'build for {settings.architecture}'} and push",
        "infrastructure": "update to what infra/ describes" if record else f"create (existing stages: {existing})",
        "migrations": f"run by the new image before traffic is shifted, {_migration_method(account, plan)}",
        "live": f"version {record[0].web} until the new one is healthy" if record else "none yet; this is the first",
        "cost": cost.summary(resources, traffic, account.region),
        "alarms": _alarms(settings, plan.stage),
    }
    if text := cdn.describe(settings, deployed.distribution(account, plan.stage), first=not record):
        lines["cdn"] = text
    if capacity:
        lines["capacity"] = capacity
    if plan.jobs_note:
        lines["jobs"] = plan.jobs_note
    if undeclared.names:
        lines["queues"] = undeclared.describe()
    if note:
        lines["deployed by"] = note
    if commit:
        lines["commit"] = commit
    print(f"\n{plan.stage.resource_prefix} in {account.region} of account {account.number}:\n")
    for name, line in [*(("new account", sentence) for sentence in lacking), *lines.items()]:
        print(f"  {name:<15} {line}")
    print()


def resources_of(settings: iac.Settings, stage: Stage) -> DeployedResources:
    """What these settings create, as far as it has a price."""
    default, preview = DeployedResources.by_default(), stage.is_preview
    shared = {
        field.name: getattr(settings, field.name)
        for field in fields(DeployedResources)
        if hasattr(settings, field.name)
    }
    return replace(
        default,
        **shared,
        alarms=0 if preview else default.alarms,
        dashboards=int(settings.dashboard and not preview),
        secrets=int(settings.database_secret.startswith("arn:")),
    )


def _alarms(settings: iac.Settings, stage: Stage) -> str:
    if stage.is_preview:
        return "none, as for every preview"
    if settings.alarm_email:
        return f"sent to {settings.alarm_email} once the link in AWS's email is confirmed"
    return f"NOT SENT TO ANYONE: errors, lost jobs, costs. Set {iac.how_to_set_alarm_email(stage)}"


def _migration_method(account: aws_account.Account, plan: Plan) -> str:
    if plan.direct:
        return "directly"
    if secret.exists(account, secret.parameter(plan.stage, "planetscale-token")):
        return "by a deploy request on PlanetScale"
    return (
        f"directly; for PlanetScale, store a service token: make secret STAGE={plan.stage.name} KIND=planetscale-token"
    )


class Deployment:
    """The steps of a deployment, in order; each skips what is already done."""

    def __init__(
        self, account: aws_account.Account, plan: Plan, settings: iac.Settings, undeclared: Undeclared | None = None
    ) -> None:
        self.account, self.plan, self.stage, self.settings = account, plan, plan.stage, settings
        self.undeclared = undeclared or Undeclared({}, {})
        self.releases = Releases(account, plan.stage)

    def run(self) -> str:
        """Run all steps and return the URL; raises `UsageError` that says what failed and how to continue."""
        record = self.releases.history()
        state = f"Version {record[0].web} is still live." if record else "Nothing is live yet."
        with self._explain_failures(state):
            if generated := stage_settings.generate(self.account, self.stage):
                print(f"Generated {', '.join(generated)}.")
            pushed = self.push()
            self.apply(pushed, keep=self.undeclared.names)
            with step("set the budget") as current:
                current.update(budget.put(self.account, self.stage, self.settings))
            self.migrate()
            new = self.publish(pushed)
        with self._explain_failures(""):
            address = self.shift_traffic(new)
            if self.undeclared.dropped:
                self.drop_queues(pushed, [release for release in record if release != new])
        return address

    def push(self) -> str:
        """Build the image, or load the plan's, and push it; return it by digest."""
        archive, architecture = self.plan.image_file, self.settings.architecture
        with step("load the image" if archive else "build the image") as current:
            built = image.load(archive, architecture) if archive else image.build(architecture)
            current.update(built[:19])
        if (uri := image.repository(self.account, self.stage)) is None:
            with step("create the repository") as current:
                iac.run("infra-image", self.stage, current)
            uri = image.repository(self.account, self.stage)
        with step("push the image") as current:
            pushed = image.push(self.account, self.stage, str(uri), built)
            current.update(pushed.rpartition("@")[2][:19])
        return pushed

    def apply(self, pushed: str, *, keep: Iterable[str]) -> None:
        """Apply the infrastructure; new code does not go live with it, and queues that are no longer declared stay.

        keep: the names of those queues.
        """
        before = deployed.distribution(self.account, self.stage)
        plan = cdn.prepare(self.account, self.stage, self.settings, before)
        with step("apply the infrastructure") as current:
            variables = {
                "IMAGE": pushed,
                "KEPT_QUEUES": ",".join(keep),
                "BOUNDARY": boundary.find(self.account, self.stage),
            }
            variables |= self.settings.network | plan
            if self.plan.jobs_concurrency is not None:
                variables["JOBS_CONCURRENCY"] = str(self.plan.jobs_concurrency)
            iac.run("infra-apply", self.stage, current, **variables)
        cdn.complete(self.account, self.stage, self.settings, plan, before)

    def migrate(self) -> None:
        """Run the migrations in the new image, after one that still runs, such as that of a lost deployment."""
        new = deployed.find(self.account, self.stage, version="$LATEST")
        environment = {"LOG_FORMAT": "text"}
        spec = TaskSpec(self.plan.migration, why="make deploy", lifetime=2 * HOUR, environment=environment)
        code = exclusive_task.run(self.account, new, spec, MIGRATE)
        if code:
            raise UsageError(f"The migrations failed with exit code {code}; see their output above.")

    def publish(self, pushed: str) -> Release:
        """Publish the new code as a version and check its health."""
        with step("publish a version") as current:
            new = self.releases.publish(commits.describe())
            current.update(new.web)
        if not self.releases.has_image(new, pushed):
            raise UsageError(
                "Another deployment of this stage has begun meanwhile: its image is applied. This one ends here, so that "
                "no code goes live before its migrations."
            )
        with step("check the version's health"):
            health_check.check_version(self.account, self.stage, new.web)
        return new

    def shift_traffic(self, new: Release) -> str:
        """Make a version live, check the public address and return it; switch back when that is not healthy."""
        record = self.releases.history()
        with step("shift traffic"):
            self.releases.activate(record if record[:1] == [new] else [new, *record])
        address = deployed.address(self.account, self.stage)
        target = deployed.target(self.account, self.stage, address)
        try:
            with step("check the address") as current:
                current.update(address)
                health_check.check_address(address, target)
        except UsageError as error:
            if not record or record[0] == new:
                raise
            self.releases.activate(record)
            raise UsageError(f"{error}\n\nSwitched back: version {record[0].web} is live.") from None
        if target and not health_check.is_public(address):
            print(f"\n{deployed.dns_hint(address, target)}\n")
        return address

    def drop_queues(self, pushed: str, before: list[Release]) -> None:
        """Delete the queues that are dropped, now that no live code sends to them.

        A version knows its queues by their URLs, so one without them takes the place of the version that is live.

        before: the releases before this deployment.
        """
        now = queues.undeclared(self.account, self.stage, self.plan.drop_queue).dropped
        for name, counts in now.items():
            if sum(vars(counts).values()) > sum(vars(self.undeclared.dropped[name]).values()):
                raise UsageError(
                    f"The new version is live, but the queue {name} is kept: jobs have arrived ({counts})."
                )
        self.apply(pushed, keep=self.undeclared.kept)
        new = self.publish(pushed)
        with step("shift traffic"):
            self.releases.activate([new, *before])

    @contextmanager
    def _explain_failures(self, state: str) -> Iterator[None]:
        """Add the stage's state to a failure, and how to continue."""
        try:
            yield
        except (UsageError, ClientError, BotoCoreError) as error:
            reason = str(error) if isinstance(error, UsageError) else retry.format_error(error, policy="deploy")
            raise UsageError(
                f"{reason}\n\n{state} Fix the cause, then continue with: {self.plan.again}".strip()
            ) from None
