"""Entering a task by ECS Exec: AWS's session-manager-plugin takes over the terminal.

ECS Exec tells no exit code; `kit.oneoff enter` leaves it inside for the task itself to end with.
"""

import json
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError

from kit.errors import UsageError
from kit.ops import retry
from kit.ops.ecs_task import CONTAINER, Task

PLUGIN = "session-manager-plugin"
AGENT = 180.0
"""Seconds that the exec agent has to come up; 30 to 60 are usual."""
WATCH = 15.0
"""Seconds between two looks at whether the task that is entered is still there."""


def require() -> None:
    """Raise `UsageError` when no session can be had from here, and say how it could."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "A session needs a terminal. Without one, run the command as the task's own: ./exec --run -- …"
        )
    if not shutil.which(PLUGIN):
        raise UsageError(
            f"{PLUGIN} is not installed; it is AWS's program for the terminal in a task.\n"
            "  macOS    brew install --cask session-manager-plugin\n"
            "  others   https://docs.aws.amazon.com/systems-manager/latest/userguide/"
            "session-manager-working-with-install-plugin.html\n"
            "Without it, ./exec --run -- COMMAND works."
        )


def wait_for_agent(task: Task, say: Callable[[str], None]) -> None:
    """Wait until the task can be entered; raises `UsageError` with ECS's reason when it cannot."""
    ready = task.wait(lambda: task.over or _agent(task).get("lastStatus") in {"RUNNING", "STOPPED"}, AGENT, say)
    if task.over:
        raise UsageError(f"The task ended before it could be entered. {task.why_ended()}")
    if not ready or _agent(task)["lastStatus"] == "STOPPED":
        told = f"after {AGENT:.0f} s it is {_agent(task).get('lastStatus', 'not there')}."
        told = f"it is STOPPED. {_agent(task).get('reason', '')}".strip() if ready else told
        raise UsageError(
            f"The exec agent of the task does not come up: {told}\n"
            "The task's role must allow ssmmessages, and its subnets must lead to the internet or to an endpoint for "
            "ssmmessages; the infrastructure here sees to both."
        )


def _agent(task: Task) -> dict[str, Any]:
    agents = task.container.get("managedAgents", [])
    return next((one for one in agents if one["name"] == "ExecuteCommandAgent"), {})


def enter(task: Task, command: Sequence[str], *, guest: bool = False) -> None:
    """Run a command in the task with this terminal, until it ends or the task does.

    It is asked for once: a request that got no answer may have begun the command.
    """
    session, endpoint = _session(task, inside(command, guest=guest))
    target = f"ecs:{task.deployed.cluster.rpartition('/')[2]}_{task.id}_{task.container['runtimeId']}"
    profile = task.account.session.profile_name
    arguments = [
        json.dumps(session),
        task.account.region,
        "StartSession",
        "" if profile == "default" else profile,
        json.dumps({"Target": target}),
        endpoint,
    ]
    with _given_away():
        plugin = subprocess.Popen([PLUGIN, *arguments])  # noqa: S603
        try:
            _watch(plugin, task)
        finally:
            if plugin.poll() is None:
                plugin.kill()
                plugin.wait()


def _watch(plugin: "subprocess.Popen[bytes]", task: Task) -> None:
    """Wait for its end; a plugin whose task has ended is told so, if it has not noticed."""
    while not task.over:
        with suppress(subprocess.TimeoutExpired):
            plugin.wait(WATCH)
            return
        with suppress(UsageError):  # AWS cannot be asked right now: the session may live on
            retry.until(task.look, 0)
    with suppress(subprocess.TimeoutExpired):
        plugin.wait(WATCH)


def inside(command: Sequence[str], *, guest: bool) -> str:
    """The session's command; the agent runs it as root and from a folder of its own, so it names the app's."""
    wrapper = ["env", "--chdir=/var/task", "python", "-m", "kit.oneoff", "enter", *(["--guest"] if guest else [])]
    return shlex.join([*wrapper, "--", *command])


def _session(task: Task, command: str) -> tuple[dict[str, Any], str]:
    ecs = task.account.session.client("ecs", config=retry.ONCE)
    request = {"cluster": task.deployed.cluster, "task": task.arn, "container": CONTAINER}
    end = time.monotonic() + retry.SETTLED
    while True:
        try:
            answer = ecs.execute_command(**request, interactive=True, command=command)
            return answer["session"], ecs.meta.endpoint_url
        except (ClientError, EndpointConnectionError, ConnectTimeoutError) as error:
            if not _nothing_began(error):
                raise
            refused = error
        if time.monotonic() > end:
            raise UsageError(f"The task could not be entered. {retry.sentence(refused)}")
        time.sleep(retry.EVERY)


def _nothing_began(error: Exception) -> bool:
    """Whether it was refused for now, or never reached AWS."""
    if not isinstance(error, ClientError):
        return True
    told = error.response["Error"]
    not_yet = told["Code"] == "TargetNotConnectedException" or "agent isn" in told.get("Message", "")
    return not_yet or (retry.passes(error) and error.response["ResponseMetadata"]["HTTPStatusCode"] < 500)


@contextmanager
def _given_away() -> Iterator[None]:
    """Leave Ctrl-C, Ctrl-\\ and Ctrl-Z to the session, and take the terminal back as it was."""
    keys = [signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP]
    before = [signal.signal(key, signal.SIG_IGN) for key in keys]
    state = _terminal()
    try:
        yield
    finally:
        for key, handler in zip(keys, before, strict=True):
            signal.signal(key, handler)
        if state:
            import termios

            with suppress(termios.error, OSError):
                termios.tcsetattr(sys.stdin, termios.TCSADRAIN, state)


def _terminal() -> list[Any] | None:
    import termios

    return termios.tcgetattr(sys.stdin) if sys.stdin.isatty() else None
