"""The tool that describes the infrastructure, by the targets that each infra/*/infra.mk has: the same whichever it is.

infra-settings     what must be known of a stage before there is one
infra-image        makes the image's repository
infra-apply        makes the stage as described, or changes it; no new code is live by that alone
infra-destroy      takes away both
infra-alarm-email  prints the setting for who is told of alarms, and its file
infra-mark         prints what it leaves in the tags of a stage's functions: see deployed_by.py
"""

import json
import subprocess
from collections import deque
from dataclasses import dataclass

from kit.errors import UsageError
from kit.ops.progress import Step
from kit.ops.stage import PROJECT, Stage

LAST_LINES = 40
"""So many of the tool's are shown when it fails."""


@dataclass(frozen=True)
class Settings:
    """What must be known of a stage before there is one."""

    architecture: str
    """The processor that the image is built for."""
    database_secret: str
    """The name of what keeps the database's URL."""
    alarm_email: str
    """Who is told of alarms; empty for no one."""


def run(target: str, stage: Stage, current: Step, **variables: str) -> None:
    """Run a target, its last line standing in the step's; raises `UsageError` with what the tool said when it fails."""
    said: deque[str] = deque(maxlen=LAST_LINES)
    command = _command(target, stage, variables)
    with subprocess.Popen(  # noqa: S603
        command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or []:
            said.append(line.rstrip())
            current.say(" ".join(line.split())[:40])
    current.say("")
    if process.returncode:
        raise UsageError("\n".join(said))


def settings(stage: Stage) -> Settings:
    """Ask the tool for them; raises `UsageError` with what it said when a setting cannot be."""
    return read_settings(output("infra-settings", stage))


def read_settings(output: str) -> Settings:
    """Read what `make infra-settings` prints."""
    told = json.loads(output)
    return Settings(*(json.loads(told) if isinstance(told, str) else told))  # one tool writes the JSON as a string


def how_to_set_alarm_email(stage: Stage) -> str:
    """Give the setting for who is told of alarms, and the file that it belongs in."""
    return output("infra-alarm-email", stage)


def output(target: str, stage: Stage) -> str:
    """Run a target that prints something; give that. Raises `UsageError` with what the tool said when it fails."""
    command = _command(target, stage, {})
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise UsageError(f"{done.stdout}{done.stderr}".strip())
    return done.stdout.strip()


def _command(target: str, stage: Stage, variables: dict[str, str]) -> list[str]:
    given = {"STAGE": stage.name} | variables
    return ["make", "--no-print-directory", target, *(f"{name}={value}" for name, value in given.items())]
