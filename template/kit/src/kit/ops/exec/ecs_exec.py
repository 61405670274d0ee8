"""Open a session in a task by ECS Exec: AWS's session-manager-plugin takes over the terminal.

ECS Exec reports no exit code, so `kit.oneoff enter` saves it inside the task, which then exits with it.
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
AGENT_TIMEOUT = 180.0
"""Seconds for the exec agent to start; 30 to 60 are usual."""
WATCH_SECONDS = 15.0
"""How often to check during a session that its task is still running."""


def require() -> None:
    """Raise `UsageError` unless this machine can open a session."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("A session needs a terminal. Without one, use: ./exec --run -- COMMAND")
    if not shutil.which(PLUGIN):
        raise UsageError(
            f"{PLUGIN} is not installed; AWS's tool for a terminal in a task.\n"
            "  macOS    brew install --cask session-manager-plugin\n"
            "  others   https://docs.aws.amazon.com/systems-manager/latest/userguide/"
            "session-manager-working-with-install-plugin.html\n"
            "Without it, ./exec --run -- COMMAND works."
        )


def wait_for_agent(task: Task, report: Callable[[str], None]) -> None:
    """Wait until a session can be opened; raises `UsageError` with ECS's reason when it can't."""
    ready = task.wait(
        lambda: task.ended or _agent(task).get("lastStatus") in {"RUNNING", "STOPPED"}, AGENT_TIMEOUT, report
    )
    if task.ended:
        raise UsageError(f"The task ended before the session could be opened. {task.stop_reason()}")
    if not ready or _agent(task)["lastStatus"] == "STOPPED":
        state = f"after {AGENT_TIMEOUT:.0f} s it is {_agent(task).get('lastStatus', 'not there')}."
        state = f"it is STOPPED. {_agent(task).get('reason', '')}".strip() if ready else state
        raise UsageError(
            f"The task's exec agent does not start: {state}\n"
            "The task's role must allow ssmmessages, and its subnets need a route to the internet or an endpoint for "
            "ssmmessages; the infrastructure in infra/ provides both."
        )


def _agent(task: Task) -> dict[str, Any]:
    agents = task.container.get("managedAgents", [])
    return next((agent for agent in agents if agent["name"] == "ExecuteCommandAgent"), {})


def enter(task: Task, command: Sequence[str], *, guest: bool = False) -> None:
    """Run a command in the task with this terminal, until the command or the task ends.

    It is requested only once: a request without a response may have started the command.
    """
    session, endpoint = _start_session(task, wrapped(command, guest=guest))
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
    with _terminal_handed_over():
        plugin = subprocess.Popen([PLUGIN, *arguments])  # noqa: S603
        try:
            _watch(plugin, task)
        finally:
            if plugin.poll() is None:
                plugin.kill()
                plugin.wait()


def _watch(plugin: "subprocess.Popen[bytes]", task: Task) -> None:
    """Wait for its end; after the end of the task, the plugin has some seconds left to notice."""
    while not task.ended:
        with suppress(subprocess.TimeoutExpired):
            plugin.wait(WATCH_SECONDS)
            return
        with suppress(UsageError):  # AWS is not reachable right now, but the session may be fine
            retry.retry_until(task.refresh, 0)
    with suppress(subprocess.TimeoutExpired):
        plugin.wait(WATCH_SECONDS)


def wrapped(command: Sequence[str], *, guest: bool) -> str:
    """The session's command; the agent starts it in a folder of its own, so change to the app's."""
    wrapper = ["env", "--chdir=/var/task", "python", "-m", "kit.oneoff", "enter", *(["--guest"] if guest else [])]
    return shlex.join([*wrapper, "--", *command])


def _start_session(task: Task, command: str) -> tuple[dict[str, Any], str]:
    ecs = task.account.session.client("ecs", config=retry.NO_RETRY)
    request = {"cluster": task.deployed.cluster, "task": task.arn, "container": CONTAINER}
    deadline = time.monotonic() + retry.REQUEST_SECONDS
    while True:
        try:
            answer = ecs.execute_command(**request, interactive=True, command=command)
            return answer["session"], ecs.meta.endpoint_url
        except (ClientError, EndpointConnectionError, ConnectTimeoutError) as error:
            if not _is_not_started(error):
                raise
            last_error = error
        if time.monotonic() > deadline:
            raise UsageError(f"Could not open the session. {retry.format_error(last_error)}")
        time.sleep(retry.POLL_SECONDS)


def _is_not_started(error: Exception) -> bool:
    """Whether the command certainly did not start: the request never reached AWS, or AWS rejected it for now."""
    if not isinstance(error, ClientError):
        return True
    details = error.response["Error"]
    not_yet = details["Code"] == "TargetNotConnectedException" or "agent isn" in details.get("Message", "")
    return not_yet or (retry.is_retryable(error) and error.response["ResponseMetadata"]["HTTPStatusCode"] < 500)


@contextmanager
def _terminal_handed_over() -> Iterator[None]:
    """Leave Ctrl-C, Ctrl-\\ and Ctrl-Z to the session, and restore the terminal afterwards."""
    keys = [signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP]
    before = [signal.signal(key, signal.SIG_IGN) for key in keys]
    state = _terminal_state()
    try:
        yield
    finally:
        for key, handler in zip(keys, before, strict=True):
            signal.signal(key, handler)
        if state:
            import termios

            with suppress(termios.error, OSError):
                termios.tcsetattr(sys.stdin, termios.TCSADRAIN, state)


def _terminal_state() -> list[Any] | None:
    import termios

    return termios.tcgetattr(sys.stdin) if sys.stdin.isatty() else None
