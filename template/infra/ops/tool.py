"""The tool that describes the infrastructure, by the targets that each infra/*/infra.mk has: the same whichever it is.

infra-settings  what must be known of a stage before there is one
infra-image     makes the image's repository
infra-apply     makes the stage as described, or changes it; no new code is live by that alone
infra-destroy   takes away both
"""

import subprocess
from collections import deque

from infra.ops.progress import Step
from infra.ops.stage import PROJECT, Stage
from kit.errors import UsageError

LAST_LINES = 40
"""So many of the tool's are shown when it fails."""


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


def settings(stage: Stage) -> tuple[str, str]:
    """The processor that the image is built for, and the name of the database's secret."""
    command = _command("infra-settings", stage, {})
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise UsageError(f"{done.stdout}{done.stderr}".strip())
    architecture, secret = done.stdout.strip('"\n ').split()
    return architecture, secret


def _command(target: str, stage: Stage, variables: dict[str, str]) -> list[str]:
    given = {"STAGE": stage.name} | variables
    return ["make", "--no-print-directory", target, *(f"{name}={value}" for name, value in given.items())]
