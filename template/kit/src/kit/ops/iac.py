"""The infrastructure tool, behind Make targets that every infra/*/infra.mk has.

infra-settings     prints a stage's settings as JSON, by their names in snake case, before it exists
infra-image        creates the image repository
infra-apply        creates or updates the stage; new code does not go live with it
infra-destroy      deletes both
infra-alarm-email  prints the setting for the alarms' email address, and the file it belongs in
infra-mark         prints how functions deployed by this tool are tagged: see deployed_by.py
"""

import json
import subprocess
from collections import deque
from dataclasses import dataclass, fields
from typing import Any

from kit.errors import UsageError
from kit.ops.cost_model import NO_CDN, BillableSettings
from kit.ops.progress import Step
from kit.ops.stage import PROJECT, Stage

LAST_LINES = 40
"""How many lines of the tool's output a failure shows."""


@dataclass(frozen=True, kw_only=True)
class Settings(BillableSettings):
    """The settings of a stage that commands need before it exists."""

    database_secret: str
    """The name of the secret that holds the database URL."""
    alarm_email: str = ""
    """The recipient of alarms; empty for none."""
    monthly_budget: float = 20.0
    """USD, for the whole account; 0 for none."""
    budget_brake: float = 0.0
    """USD of the account's bill in a month, above which the API refuses all requests; 0 for never."""
    vpc_id: str = ""
    """The VPC of tasks; empty for the account's default VPC."""
    subnet_ids: tuple[str, ...] = ()
    """Public subnets of that VPC."""
    dashboard: bool = False
    permissions_boundary: str = ""
    """The ARN of a policy that limits all roles; empty for the stage's own, if the account has one."""
    domain_name: str = ""
    certificate_arn: str = ""

    @property
    def has_cdn(self) -> bool:
        """Whether CloudFront is in front of the API."""
        return self.cdn != NO_CDN

    @property
    def network(self) -> dict[str, str]:
        """The network as variables of `infra-apply`."""
        return {"VPC_ID": self.vpc_id, "SUBNET_IDS": ",".join(self.subnet_ids)}


def run(target: str, stage: Stage, current: Step, **variables: str) -> None:
    """Run a target and show its last line as the step's detail; raises `UsageError` with its output when it fails."""
    lines: deque[str] = deque(maxlen=LAST_LINES)
    command = _command(target, stage, variables)
    with subprocess.Popen(  # noqa: S603
        command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or []:
            lines.append(line.rstrip())
            current.update(" ".join(line.split())[:40])
    current.update("")
    if process.returncode:
        raise UsageError("\n".join(lines))


def settings(stage: Stage) -> Settings:
    """Read the settings of a stage; raises `UsageError` with the tool's output when one is invalid."""
    return read_settings(output("infra-settings", stage), stage)


def read_settings(output: str, stage: Stage) -> Settings:
    """Parse what `make infra-settings` prints."""
    values = json.loads(output)
    values = json.loads(values) if isinstance(values, str) else values  # one tool prints a JSON string
    secret = values["database_url_secret"] or f"/{stage.project}/{stage.name}/database-url"
    known = {
        field.name: _convert(values[field.name], field.default) for field in fields(Settings) if field.name in values
    }
    return Settings(database_secret=secret, **known)


def _convert(value: Any, default: Any) -> Any:
    """A setting in the type of its default: some tools keep numbers, booleans and lists as strings."""
    match default:
        case bool():
            return str(value).lower() == "true"
        case int() | float():
            return type(default)(str(value))
        case tuple():
            return tuple(filter(None, value.split(",") if isinstance(value, str) else value))
    return value


def how_to_set_alarm_email(stage: Stage) -> str:
    """The setting for the alarms' email address, and the file it belongs in."""
    return output("infra-alarm-email", stage)


def output(target: str, stage: Stage) -> str:
    """Run a target and return what it prints; raises `UsageError` with its output when it fails."""
    command = _command(target, stage, {})
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise UsageError(f"{done.stdout}{done.stderr}".strip())
    return done.stdout.strip()


def _command(target: str, stage: Stage, variables: dict[str, str]) -> list[str]:
    assignments = {"STAGE": stage.name} | variables
    return ["make", "--no-print-directory", target, *(f"{name}={value}" for name, value in assignments.items())]
