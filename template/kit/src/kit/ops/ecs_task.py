"""A one-off task on Fargate: started exactly once whatever the network does, observed, stopped.

`kit.oneoff` keeps the time inside the task: it ends when its lifetime is over, even if its client is gone.
"""

import json
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from kit.errors import UsageError
from kit.ops import retry
from kit.ops.aws_account import Account
from kit.ops.deployed import Deployed

PREFIX = "one-off/"
"""What `startedBy` of every task begins with that is started here."""
CONTAINER = "app"
MAX_OVERRIDES = 8192
"""Characters of all overrides of a task; ECS's limit."""
MAX_DESCRIBED = 100
"""Tasks per request; ECS's limit."""
START_TIMEOUT = 600.0
"""Seconds for Fargate to start a task, including the download of its image."""
STOP_TIMEOUT = 180.0
"""Seconds for a task to end once it was asked to stop: the task definition's 120, and some."""
HOUR = 3600

Report = Callable[[str], None]
"""Is given messages about the progress."""


@dataclass(frozen=True)
class TaskSpec:
    """What to run in a task."""

    command: Sequence[str] = ()
    """The task's own command; without one it waits for a session."""
    why: str = ""
    lifetime: int = HOUR
    """Seconds after which the task ends itself."""
    environment: Mapping[str, str] = field(default_factory=dict)
    cpu: int | None = None
    """1024 are one vCPU."""
    memory: int | None = None
    """MiB."""

    def container_command(self, who: str) -> list[str]:
        """The container's command, for the entry point `env`."""
        action = "run" if self.command else "hold"
        options = ["--max", str(self.lifetime), "--who", who, "--why", self.why]
        return ["python", "-m", "kit.oneoff", action, *options, "--", *self.command]


class Task:
    """A task with a unique name of ours, by which it is found even if the response to its start is lost."""

    def __init__(self, account: Account, deployed: Deployed, description: dict[str, Any] | None = None) -> None:
        self.account, self.deployed = account, deployed
        self.name = f"{PREFIX}{uuid.uuid4().hex[:24]}"
        self.description = description or {}
        """The last description that ECS has given of it."""
        self.requested = bool(description)
        """Whether there may be a task of this name."""
        self.max_lookups = 10
        """How often to look for it by name, as ECS's lists lag behind."""

    @cached_property
    def ecs(self) -> Any:
        """The client for idempotent requests."""
        return self.account.session.client("ecs", config=retry.RETRY)

    @property
    def arn(self) -> str:
        """The task's ARN; empty until it is known."""
        return str(self.description.get("taskArn", ""))

    @property
    def id(self) -> str:
        """The last part of the ARN."""
        return self.arn.rpartition("/")[2]

    @property
    def status(self) -> str:
        """PROVISIONING, PENDING, RUNNING, …, STOPPED."""
        return str(self.description.get("lastStatus", ""))

    @property
    def container(self) -> dict[str, Any]:
        """ECS's description of the container."""
        return _by_name(self.description.get("containers", []), CONTAINER)

    @property
    def lifetime(self) -> float:
        """Seconds after which the task ends itself."""
        command = self._container_command
        return float(command[command.index("--max") + 1]) if "--max" in command else HOUR

    @property
    def command(self) -> list[str]:
        """Its own command; empty if it waits for a session."""
        command = self._container_command
        return command[command.index("--") + 1 :] if "--" in command else []

    @property
    def _container_command(self) -> list[str]:
        overrides = self.description.get("overrides", {}).get("containerOverrides", [])
        return list(_by_name(overrides, CONTAINER).get("command", []))

    def tag(self, key: str) -> str:
        """A tag from its start: `who` or `why`."""
        return next((tag["value"] for tag in self.description.get("tags", []) if tag["key"] == key), "")

    @property
    def ended(self) -> bool:
        """Whether its container has ended; ECS may still be cleaning up."""
        return self.status == "STOPPED" or "exitCode" in self.container

    @property
    def log_stream(self) -> str:
        """The name of its log stream."""
        return f"task/{CONTAINER}/{self.id}"

    def start(self, spec: TaskSpec, report: Report = lambda _: None) -> None:
        """Start the task; the client token makes retries idempotent.

        Raises `UsageError` when AWS refuses or does not respond; call `stop` then, as it may have started all the same.
        """
        request = self._request(spec)
        self.requested = True
        deadline = time.monotonic() + retry.REQUEST_SECONDS
        try:
            answer = retry.retry_until(lambda: self.ecs.run_task(**request), deadline, report)
        except UsageError as error:
            self.max_lookups = 10 if retry.is_retryable(error.__cause__) else 1
            raise
        if not answer["tasks"]:
            self.requested = False
            reasons = "; ".join(f"{one.get('reason')} {one.get('detail', '')}".strip() for one in answer["failures"])
            raise UsageError(f"AWS could not start the task: {reasons or 'it gave no reason'}.")
        self.description = answer["tasks"][0]

    def _request(self, spec: TaskSpec) -> dict[str, Any]:
        who = self.account.caller
        environment = [{"name": name, "value": value} for name, value in spec.environment.items()]
        container = {"name": CONTAINER, "command": spec.container_command(who), "environment": environment}
        overrides: dict[str, Any] = {"containerOverrides": [container]}
        overrides |= {"cpu": str(spec.cpu)} if spec.cpu else {}
        overrides |= {"memory": str(spec.memory)} if spec.memory else {}
        if (size := len(json.dumps(overrides))) > MAX_OVERRIDES:
            raise UsageError(
                f"The command and its environment have {size:,} characters; ECS accepts {MAX_OVERRIDES:,}. "
                "Put long content into the image, or into storage that the app can read."
            )
        network = {
            "subnets": list(self.deployed.subnets),
            "securityGroups": list(self.deployed.security_groups),
            "assignPublicIp": "ENABLED",
        }
        tags = {"who": who, "why": spec.why}
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
            "tags": [{"key": key, "value": tag_value(value)} for key, value in tags.items() if value],
        }

    def refresh(self) -> None:
        """Get its description from ECS; keeps the last one while ECS does not know the task (yet)."""
        answer = self.ecs.describe_tasks(cluster=self.deployed.cluster, tasks=[self.arn], include=["TAGS"])
        self.description = next(iter(answer["tasks"]), self.description)

    def wait(self, condition: Callable[[], bool], seconds: float, report: Report = lambda _: None) -> bool:
        """Poll until the condition holds; False when it does not in time."""
        deadline = time.monotonic() + seconds
        while True:
            retry.retry_until(self.refresh, deadline, report)
            if condition():
                return True
            if time.monotonic() > deadline:
                return False
            report(self.status.lower().replace("_", " "))
            time.sleep(retry.POLL_SECONDS)

    def wait_until_running(self, report: Report = lambda _: None) -> None:
        """Raise `UsageError` with ECS's reason when it does not start."""
        pending = {"", "PROVISIONING", "PENDING", "ACTIVATING"}
        if not self.wait(lambda: self.status not in pending, START_TIMEOUT, report):
            raise UsageError(f"The task has not started within {START_TIMEOUT:.0f} s; ECS reports {self.status}.")
        if self.ended and "exitCode" not in self.container:
            raise UsageError(f"The task did not start. {self.stop_reason()}")

    def wait_until_ended(self, report: Report = lambda _: None) -> None:
        """Raise `UsageError` when it does not end after it was asked to stop."""
        if not self.wait(lambda: self.ended, STOP_TIMEOUT, report):
            raise UsageError(
                f"The task {self.id} has not ended within {STOP_TIMEOUT:.0f} s; ECS reports {self.status}."
            )

    def stop_reason(self) -> str:
        """ECS's stop code and reason, and the container's own reason."""
        reasons = [
            self.description.get("stopCode"),
            self.description.get("stoppedReason"),
            self.container.get("reason"),
        ]
        return " · ".join(dict.fromkeys(reason for reason in reasons if reason)) or "ECS gave no reason."

    def exit_code(self) -> int:
        """The container's exit code; raises `UsageError` without one, as when it never ran."""
        code = self.container.get("exitCode")
        if code is None:
            raise UsageError(f"The task ended without an exit code. {self.stop_reason()}")
        return int(code)

    def stop(self, reason: str, report: Report = lambda _: None) -> None:
        """Tell ECS to stop it if it may be running; idempotent."""
        deadline = time.monotonic() + retry.REQUEST_SECONDS
        if not self.arn and self.requested:
            self._find(deadline, report)
        if self.arn and not self.ended:
            request = {"cluster": self.deployed.cluster, "task": self.arn, "reason": reason[:255]}
            retry.retry_until(lambda: self.ecs.stop_task(**request), deadline, report)

    def _find(self, deadline: float, report: Report) -> None:
        """Find a task by our name: it may have started although its start got no response."""
        request = {"cluster": self.deployed.cluster, "startedBy": self.name}
        for _ in range(self.max_lookups):
            if arns := retry.retry_until(lambda: self.ecs.list_tasks(**request), deadline, report)["taskArns"]:
                self.description = {"taskArn": arns[0]}
                return
            time.sleep(retry.POLL_SECONDS)


def list_arns(ecs: Any, cluster: str, *, stopped: bool = False) -> list[str]:
    """The ARNs of all tasks of a cluster that have not been stopped.

    stopped: whether to list the others instead: those that are being stopped, and those that have ended lately.
    """
    desired = "STOPPED" if stopped else "RUNNING"
    pages = ecs.get_paginator("list_tasks").paginate(cluster=cluster, desiredStatus=desired)
    return [arn for page in pages for arn in page["taskArns"]]


def describe_all(ecs: Any, cluster: str, *, stopped: bool = False) -> Iterator[dict[str, Any]]:
    """ECS's descriptions of the tasks that `list_arns` lists, with their tags."""
    arns = list_arns(ecs, cluster, stopped=stopped)
    for start in range(0, len(arns), MAX_DESCRIBED):
        batch = arns[start : start + MAX_DESCRIBED]
        yield from ecs.describe_tasks(cluster=cluster, tasks=batch, include=["TAGS"])["tasks"]


def _by_name(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next((item for item in items if item["name"] == name), {})


def tag_value(text: str) -> str:
    """The text with only the characters that AWS accepts in a tag: letters, digits, spaces, some marks; at most 256."""
    return re.sub(r"[^\w .:/=+\-@]", "_", text)[:256].strip()
