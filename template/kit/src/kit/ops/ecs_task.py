"""A one-off task on Fargate: asked for once whatever the network does, looked at, told to end.

Inside it, `kit.oneoff` keeps the time: it ends by itself when its lifetime is over, whether who started it is there
or not.
"""

import json
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from kit.errors import UsageError
from kit.ops import retry
from kit.ops.aws_account import Account
from kit.ops.deployed import Deployed

PREFIX = "one-off/"
"""How `startedBy` begins for every task that is started here."""
CONTAINER = "app"
MAX_OVERRIDES = 8192
"""Characters of all that a task is given, as ECS has it."""
START = 600.0
"""Seconds that Fargate has to start a task, its image to be fetched."""
END = 180.0
"""Seconds that a task has to end once it was told so: the task definition's 120, and some."""
HOUR = 3600


@dataclass(frozen=True)
class Wanted:
    """What a task is started for."""

    command: Sequence[str] = ()
    """Its own command; without one it waits for a session."""
    why: str = ""
    lifetime: int = HOUR
    """Seconds after which it ends by itself."""
    environment: Mapping[str, str] = field(default_factory=dict)
    cpu: int | None = None
    """1024 are one vCPU."""
    memory: int | None = None
    """MiB."""

    def inside(self, who: str) -> list[str]:
        """The container's command, which the entry point `env` runs."""
        action = "run" if self.command else "hold"
        options = ["--max", str(self.lifetime), "--who", who, "--why", self.why]
        return ["python", "-m", "kit.oneoff", action, *options, "--", *self.command]


class Task:
    """One task: known by a name of its own before AWS knows of it, so that no answer can be lost."""

    def __init__(self, account: Account, deployed: Deployed, told: dict[str, Any] | None = None) -> None:
        self.account, self.deployed = account, deployed
        self.name = f"{PREFIX}{uuid.uuid4().hex[:24]}"
        self.told = told or {}
        """What ECS said last of it."""
        self.asked = bool(told)
        """Whether there may be a task of this name."""
        self.looks = 10
        """How often it is looked for by its name, when its start got no answer; lists are a little late."""

    @cached_property
    def ecs(self) -> Any:
        """The client for all that may be asked twice."""
        return self.account.session.client("ecs", config=retry.PATIENT)

    @property
    def arn(self) -> str:
        """Its ARN, once it is known."""
        return str(self.told.get("taskArn", ""))

    @property
    def id(self) -> str:
        """What people call it: the last part of its ARN."""
        return self.arn.rpartition("/")[2]

    @property
    def status(self) -> str:
        """PROVISIONING, PENDING, RUNNING, …, STOPPED."""
        return str(self.told.get("lastStatus", ""))

    @property
    def container(self) -> dict[str, Any]:
        """The container, in ECS's words."""
        return _named(self.told.get("containers", []), CONTAINER)

    @property
    def lifetime(self) -> float:
        """Seconds that it was given."""
        command = self._command()
        return float(command[command.index("--max") + 1]) if "--max" in command else HOUR

    def tag(self, key: str) -> str:
        """What was said when it was started: `who`, `why`."""
        return next((one["value"] for one in self.told.get("tags", []) if one["key"] == key), "")

    def _command(self) -> list[str]:
        overrides = self.told.get("overrides", {}).get("containerOverrides", [])
        return list(_named(overrides, CONTAINER).get("command", []))

    @property
    def over(self) -> bool:
        """Whether its container has ended; what is left is ECS's to clear away."""
        return self.status == "STOPPED" or "exitCode" in self.container

    @property
    def log_stream(self) -> str:
        """Where its output goes in the log group."""
        return f"task/{CONTAINER}/{self.id}"

    def start(self, wanted: Wanted, say: Callable[[str], None] = lambda _: None) -> None:
        """Ask for the task; however often that is repeated, by its token it is one.

        Raises `UsageError` when AWS refuses, or never answers; `stop` ends what may have been started all the same.
        """
        request = self._request(wanted)
        self.asked = True
        end = time.monotonic() + retry.SETTLED
        try:
            answer = retry.until(lambda: self.ecs.run_task(**request), end, say)
        except UsageError as refused:
            self.looks = 10 if retry.passes(refused.__cause__) else 1
            raise
        if not answer["tasks"]:
            self.asked = False
            why = "; ".join(f"{one.get('reason')} {one.get('detail', '')}".strip() for one in answer["failures"])
            raise UsageError(f"AWS could not start the task: {why or 'it gave no reason'}.")
        self.told = answer["tasks"][0]

    def _request(self, wanted: Wanted) -> dict[str, Any]:
        who = self.account.caller
        environment = [{"name": name, "value": value} for name, value in wanted.environment.items()]
        container = {"name": CONTAINER, "command": wanted.inside(who), "environment": environment}
        overrides: dict[str, Any] = {"containerOverrides": [container]}
        overrides |= {"cpu": str(wanted.cpu)} if wanted.cpu else {}
        overrides |= {"memory": str(wanted.memory)} if wanted.memory else {}
        if (size := len(json.dumps(overrides))) > MAX_OVERRIDES:
            raise UsageError(
                f"The command and its environment make {size:,} characters, and ECS takes {MAX_OVERRIDES:,}. "
                "Put the long part into the image, or read it from where the app can."
            )
        network = {
            "subnets": list(self.deployed.subnets),
            "securityGroups": list(self.deployed.security_groups),
            "assignPublicIp": "ENABLED",
        }
        tags = {"who": who, "why": wanted.why}
        return {
            "cluster": self.deployed.cluster,
            "taskDefinition": self.deployed.task_definition,
            "launchType": "FARGATE",
            "count": 1,
            "clientToken": self.name,
            "startedBy": self.name,
            "enableExecuteCommand": True,
            "overrides": overrides,
            "networkConfiguration": {"awsvpcConfiguration": network},
            "tags": [{"key": key, "value": as_tag(value)} for key, value in tags.items() if value],
        }

    def look(self) -> None:
        """Ask ECS how it is; a task that ECS does not know (yet) keeps what is known of it."""
        answer = self.ecs.describe_tasks(cluster=self.deployed.cluster, tasks=[self.arn], include=["TAGS"])
        self.told = next(iter(answer["tasks"]), self.told)

    def wait(self, enough: Callable[[], bool], seconds: float, say: Callable[[str], None] = lambda _: None) -> bool:
        """Look until it is enough, or until the time is over; a broken wait goes on where it was."""
        end = time.monotonic() + seconds
        while True:
            retry.until(self.look, end, say)
            if enough():
                return True
            if time.monotonic() > end:
                return False
            say(self.status.lower().replace("_", " "))
            time.sleep(retry.EVERY)

    def wait_until_running(self, say: Callable[[str], None] = lambda _: None) -> None:
        """Raise `UsageError` with ECS's own reason when it does not come to run."""
        if not self.wait(lambda: self.status not in {"", "PROVISIONING", "PENDING", "ACTIVATING"}, START, say):
            raise UsageError(f"The task has not started within {START:.0f} s; ECS says {self.status}.")
        if self.over and "exitCode" not in self.container:
            raise UsageError(f"The task did not start. {self.why_ended()}")

    def wait_until_over(self, say: Callable[[str], None] = lambda _: None) -> None:
        """Raise `UsageError` when it does not end, though it was told so."""
        if not self.wait(lambda: self.over, END, say):
            raise UsageError(f"The task {self.id} has not ended within {END:.0f} s; ECS says {self.status}.")

    def why_ended(self) -> str:
        """What ECS says of its end: the code, the reason, and the container's own reason."""
        told = [self.told.get("stopCode"), self.told.get("stoppedReason"), self.container.get("reason")]
        return " · ".join(dict.fromkeys(part for part in told if part)) or "ECS gave no reason."

    def exit_code(self) -> int:
        """The container's; raises `UsageError` when it has none, as of one that never ran."""
        code = self.container.get("exitCode")
        if code is None:
            raise UsageError(f"The task ended without an exit code. {self.why_ended()}")
        return int(code)

    def stop(self, why: str, say: Callable[[str], None] = lambda _: None) -> None:
        """Tell ECS to end it, if it is still there; nothing happens when it is told twice."""
        end = time.monotonic() + retry.SETTLED
        if not self.arn and self.asked:
            self._find(end, say)
        if self.arn and not self.over:
            request = {"cluster": self.deployed.cluster, "task": self.arn, "reason": why[:255]}
            retry.until(lambda: self.ecs.stop_task(**request), end, say)

    def _find(self, end: float, say: Callable[[str], None]) -> None:
        """It may have been started though no answer came: its name tells."""
        mine = {"cluster": self.deployed.cluster, "startedBy": self.name}
        for _ in range(self.looks):
            if found := retry.until(lambda: self.ecs.list_tasks(**mine), end, say)["taskArns"]:
                self.told = {"taskArn": found[0]}
                return
            time.sleep(retry.EVERY)


def _named(those: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next((one for one in those if one["name"] == name), {})


def as_tag(text: str) -> str:
    """What AWS takes as a tag's value: letters, digits, spaces and a few marks, 256 at most."""
    return re.sub(r"[^\w .:/=+\-@]", "_", text)[:256].strip()
