"""`make deploy`: bring what is here to a stage, so that visitors meet it only once it is known to answer.

Nothing is live before the last steps: the image is pushed, the infrastructure applied, the migrations run by the new
image, its version asked for an answer; then the alias moves. Broken off anywhere, it goes on when it is run again.
"""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from kit.errors import UsageError
from kit.ops import (
    aws_account,
    confirm,
    cost,
    deployed,
    deployed_by,
    health_check,
    iac,
    image,
    oneoff_task,
    retry,
    secret,
)
from kit.ops.cost_model import Assumed, Standing
from kit.ops.ecs_task import HOUR, Wanted
from kit.ops.progress import step
from kit.ops.releases import Pair, Versions
from kit.ops.stage import Stage


def register(commands: Any) -> None:
    """Add the command and its options."""
    deploy = commands.add_parser("deploy", help="bring what is here to a stage, and print its address")
    Stage.option(deploy)
    deploy.add_argument("--yes", action="store_true", help="do not ask")
    deploy.add_argument("--direct", action="store_true", help="migrate without a deploy request")
    deploy.add_argument("--skip-revert", action="store_true", help="make a deploy request final at once")
    deploy.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Deploy; the address is the only line on standard output."""
    stage = Stage.of(arguments.stage)
    plan = Plan(stage, arguments.direct, arguments.skip_revert)
    with contextlib.redirect_stdout(sys.stderr):
        account, settings, remark = checked(stage)
        record = Versions(account, stage).history()
        tell(account, settings, plan, record, remark)
        confirm.ask("Go ahead?", yes=arguments.yes, otherwise=f"Add YES=1: make deploy STAGE={stage.name} YES=1")
        address = Deployment(account, plan, settings.architecture).run()
    print(address)


@dataclass(frozen=True)
class Plan:
    """What was asked for."""

    stage: Stage
    direct: bool = False
    skip_revert: bool = False

    @property
    def migration(self) -> list[str]:
        """What the new image runs before visitors meet it."""
        options = ["--direct"] * self.direct + ["--skip-revert"] * self.skip_revert
        return ["python", "-m", "kit", "migrate", *options]

    @property
    def again(self) -> str:
        """The command that goes on where this one was broken off."""
        return f"make deploy STAGE={self.stage.name}{' DIRECT=1' * self.direct}{' SKIP_REVERT=1' * self.skip_revert}"


def checked(stage: Stage) -> tuple[aws_account.Account, iac.Settings, str]:
    """Look at everything that can be looked at before anything is touched; raises `UsageError`.

    Gives the account, the stage's settings, and a remark on the tool that deployed the stage.
    """
    account = aws_account.account()
    remark = deployed_by.require(account, stage)
    settings = iac.settings(stage)
    secret.require(account, stage, settings.database_secret)
    image.require_engine()
    return account, settings, remark


def tell(
    account: aws_account.Account, settings: iac.Settings, plan: Plan, record: list[Pair], remark: str = ""
) -> None:
    """Say what will be done, where, and as whom."""
    prices, _ = cost.read()
    standing = replace(Standing.by_default(), architecture=settings.architecture)
    idle = cost.columns(standing, Assumed(), prices)[0].total(prices)
    there = ", ".join(deployed.stages(account, plan.stage.project)) or "none"
    lines = {
        "as": account.caller,
        "image": f"built for {settings.architecture}, and pushed",
        "infrastructure": "changed to what infra/ describes"
        if record
        else f"made: nothing is live there yet (stages there: {there})",
        "migrations": f"run by the new image before visitors meet it, {_way(account, plan)}",
        "live": f"version {record[0].web} now; it stays so until the new one answers"
        if record
        else "the first version",
        "cost": f"about {idle:.2f} USD a month while nobody comes, the database not among it; more: make cost",
        "alarms": _alarms(settings, plan.stage),
    }
    if remark:
        lines["deployed by"] = remark
    print(f"\n{plan.stage.called}, to {account.region} of account {account.number}:\n")
    for name, line in lines.items():
        print(f"  {name:<15} {line}")
    print()


def _alarms(settings: iac.Settings, stage: Stage) -> str:
    if settings.alarm_email:
        return f"sent to {settings.alarm_email}, once the link in AWS's email is opened"
    return f"NOBODY IS TOLD of errors, lost jobs and the bill. Set {iac.how_to_set_alarm_email(stage)}"


def _way(account: aws_account.Account, plan: Plan) -> str:
    token = secret.parameter(plan.stage, "planetscale-token")
    if plan.direct:
        return "directly"
    if secret.exists(account, token):
        return "on PlanetScale by a deploy request"
    return (
        f"directly; PlanetScale would need a service token: make secret STAGE={plan.stage.name} KIND=planetscale-token"
    )


class Deployment:
    """The steps, in their order; each leaves alone what is as it should be already."""

    def __init__(self, account: aws_account.Account, plan: Plan, architecture: str) -> None:
        self.account, self.plan, self.stage, self.architecture = account, plan, plan.stage, architecture
        self.versions = Versions(account, plan.stage)

    def run(self) -> str:
        """Do them all, and give the address; raises `UsageError` that says what failed, and what to run next."""
        record = self.versions.history()
        untouched = f"Visitors still meet version {record[0].web}." if record else "Nothing is live yet."
        with self._explained(untouched):
            self.apply(self.push())
            self.migrate()
            new = self.publish()
        with self._explained(""):
            return self.shift(new)

    def push(self) -> str:
        """Build the image and push it; give its name by digest."""
        with step("build the image") as current:
            built = image.build(self.architecture)
            current.say(built[:19])
        if (address := image.repository(self.account, self.stage)) is None:
            with step("make its repository") as current:
                iac.run("infra-image", self.stage, current)
            address = image.repository(self.account, self.stage)
        with step("push the image") as current:
            pushed = image.push(self.account, self.stage, str(address), built)
            current.say(pushed.rpartition("@")[2][:19])
        return pushed

    def apply(self, pushed: str) -> None:
        """Change the infrastructure; no new code is live by that."""
        with step("apply the infrastructure") as current:
            iac.run("infra-apply", self.stage, current, IMAGE=pushed)

    def migrate(self) -> None:
        """Let the new image migrate the database."""
        new = deployed.find(self.account, self.stage, version="$LATEST")
        wanted = Wanted(self.plan.migration, why="make deploy", lifetime=2 * HOUR, environment={"LOG_FORMAT": "text"})
        code = oneoff_task.run(self.account, new, wanted)
        if code:
            raise UsageError(f"The migrations ended with {code}, as they say above.")

    def publish(self) -> Pair:
        """Keep what was applied as a version, and see that it answers."""
        with step("publish a version") as current:
            new = self.versions.publish()
            current.say(new.web)
        with step("ask it for an answer"):
            health_check.version(self.account, self.stage, new.web)
        return new

    def shift(self, new: Pair) -> str:
        """Let it be met, see that the address answers, and give the address; go back when it does not."""
        record = self.versions.history()
        with step("let visitors meet it"):
            self.versions.move(record if record[:1] == [new] else [new, *record])
        address = deployed.address(self.account, self.stage)
        try:
            with step("ask the address") as current:
                current.say(address)
                health_check.address(address)
        except UsageError as error:
            why = f"{error}{deployed.dns_hint(self.account, address)}"
            if not record or record[0] == new:
                raise UsageError(why) from None
            self.versions.move(record)
            raise UsageError(f"{why}\n\nVersion {record[0].web} is live again.") from None
        return address

    @contextmanager
    def _explained(self, state: str) -> Iterator[None]:
        """Add to a failure where it leaves the stage, and how to go on."""
        try:
            yield
        except (UsageError, ClientError, BotoCoreError) as error:
            why = str(error) if isinstance(error, UsageError) else retry.sentence(error, policy="deploy")
            raise UsageError(f"{why}\n\n{state} Mend it, and go on with: {self.plan.again}".strip()) from None
