"""No task is left behind: it is stopped by its client, or ends itself when its lifetime is over."""

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cloud import Refused
from exec_client import Exec, exec_with_cloud
from task_backends import Containers
from terminals import CTRL_C, CTRL_D, Terminal

from kit.oneoff import TIMED_OUT
from waiting import until

LIFETIME = 30
"""The lifetime of tasks in these tests, in seconds."""
SESSION = ["--max", f"{LIFETIME}s", "python", "-q"]
COMMAND = ["--max", f"{LIFETIME}s", "--run", "--", "sleep", "600"]


def session(aws: Exec, **environ: str) -> Terminal:
    opened = aws.terminal(*SESSION, **environ)
    opened.expect(">>> ")
    return opened


def command(aws: Exec) -> Terminal:
    opened = aws.terminal(*COMMAND)
    opened.expect("ok    start a task")
    return opened


def starting(aws: Exec) -> Terminal:
    """A client that waits for its task to start."""
    aws.cloud.unseen = 3
    opened = aws.terminal(*SESSION)
    until(lambda: aws.cloud.tasks, what="the request to start")
    return opened


def waiting(aws: Exec) -> Terminal:
    """A client that waits for the exec agent of its task."""
    aws.cloud.agent = None
    opened = aws.terminal(*SESSION)
    opened.expect("ok    start a task")
    return opened


def kill(terminal: Terminal, number: signal.Signals) -> None:
    """Send a signal to a client's process group."""
    os.killpg(terminal.process.pid, number)


def keys(begin: Callable[[Exec], Terminal], typed: str) -> Callable[[Exec], None]:
    def way(aws: Exec) -> None:
        terminal = begin(aws)
        terminal.send(typed)
        terminal.ended()

    return way


def killed(begin: Callable[[Exec], Terminal], number: signal.Signals) -> Callable[[Exec], None]:
    def way(aws: Exec) -> None:
        terminal = begin(aws)
        kill(terminal, number)
        terminal.process.wait(60)

    return way


def closed(begin: Callable[[Exec], Terminal]) -> Callable[[Exec], None]:
    def way(aws: Exec) -> None:
        terminal = begin(aws)
        terminal.pull()
        terminal.process.wait(60)

    return way


def raises_in_session(aws: Exec) -> None:
    terminal = session(aws)
    terminal.sendline("import os; os.abort()")
    assert terminal.ended() == 128 + signal.SIGABRT


def plugin_breaks(aws: Exec) -> None:
    assert aws.terminal(*SESSION, PLUGIN_BREAKS="1").ended() == 143


def refused(aws: Exec) -> None:
    error = Refused("AccessDeniedException", "no")
    aws.cloud.faults.append(lambda operation, _: error if operation == "ExecuteCommand" else None)
    assert aws.terminal(*SESSION).ended() == 2


def agent_stops(aws: Exec) -> None:
    aws.cloud.agent_status = "STOPPED"
    assert aws.terminal(*SESSION).ended() == 2


def no_answer_to_the_session(aws: Exec) -> None:
    aws.cloud.drops.append(lambda operation, _: operation == "ExecuteCommand")
    assert aws.terminal(*SESSION).ended() == 2
    assert aws.cloud.count("ExecuteCommand") == 1, "what may have begun is not asked for again"


def no_answer_to_the_start(aws: Exec) -> None:
    aws.cloud.drops.append(lambda operation, _: operation == "RunTask")
    terminal = aws.terminal(*SESSION)
    until(lambda: aws.cloud.count("RunTask") > 2, what="the request, repeated")
    terminal.send(CTRL_C)
    assert terminal.ended() == 130
    assert len(aws.cloud.tasks) == 1, "however often it is asked for"


def network_lost(aws: Exec) -> None:
    terminal = command(aws)
    aws.cloud.drops.append(lambda *_: True)
    aws.cloud.faults.append(lambda *_: Refused("ServiceUnavailable", "nobody is there", 503))
    time.sleep(LIFETIME)
    kill(terminal, signal.SIGKILL)


def stop_never_works(aws: Exec) -> None:
    terminal = command(aws)
    aws.cloud.faults.append(
        lambda operation, _: Refused("AccessDeniedException", "no") if operation == "StopTask" else None
    )
    terminal.send(CTRL_C)
    assert terminal.ended() == 130
    assert "Could not stop the task" in terminal.before
    assert "It ends by itself when its lifetime is over." in terminal.before


def left_alone(aws: Exec) -> None:
    terminal = session(aws)
    assert terminal.ended() == TIMED_OUT
    assert "The task's lifetime was over; use --max for a longer one." in terminal.before


ENDINGS: dict[str, Callable[[Exec], None]] = {
    "end of the session": keys(session, CTRL_D),
    "a crash in the session": raises_in_session,
    "Ctrl-C while it starts": keys(starting, CTRL_C),
    "Ctrl-C while the agent is waited for": keys(waiting, CTRL_C),
    "Ctrl-C during --run": keys(command, CTRL_C),
    "SIGTERM while it starts": killed(starting, signal.SIGTERM),
    "SIGTERM in the session": killed(session, signal.SIGTERM),
    "SIGTERM during --run": killed(command, signal.SIGTERM),
    "the window closed while it starts": closed(starting),
    "the window closed in the session": closed(session),
    "the window closed during --run": closed(command),
    "client killed while it starts": killed(starting, signal.SIGKILL),
    "client killed while the agent is waited for": killed(waiting, signal.SIGKILL),
    "client killed in the session": killed(session, signal.SIGKILL),
    "client killed during --run": killed(command, signal.SIGKILL),
    "the plugin breaks": plugin_breaks,
    "the agent stops": agent_stops,
    "no right to enter": refused,
    "no answer to the session": no_answer_to_the_session,
    "no answer to the start": no_answer_to_the_start,
    "the network lost for good": network_lost,
    "no right to stop": stop_never_works,
    "its time over": left_alone,
}
LEFT_TO_ITS_LIFETIME = {"the network lost for good", "no right to stop", "its time over"}
"""Including those that kill the client, so that only the task can end itself."""


@pytest.fixture(scope="module")
def outcomes(image: str, installed_app: Path) -> dict[str, str]:
    """Try each way with a task of its own, several at a time; the error of each, if any."""
    by_themselves = [name for name in ENDINGS if name in LEFT_TO_ITS_LIFETIME or name.startswith("client killed")]

    def attempt(name: str, way: Callable[[Exec], None]) -> str:
        with exec_with_cloud(Containers(image), installed_app) as aws:
            try:
                way(aws)
                aws.gone()
            except Exception as error:  # noqa: BLE001 - the test of that way reports it
                return f"{type(error).__name__}: {error}"
            if len(aws.cloud.tasks) != 1:
                return f"{len(aws.cloud.tasks)} tasks were started"
            [code] = map(aws.cloud.backend.exit_code, aws.cloud.tasks.values())
            return "" if code != TIMED_OUT or name in by_themselves else "its client lived, and left it to its lifetime"

    names = [*by_themselves, *(name for name in ENDINGS if name not in by_themselves)]  # those that take longest first
    with ThreadPoolExecutor(len(by_themselves) + 4) as pool:
        return dict(zip(names, pool.map(lambda name: attempt(name, ENDINGS[name]), names), strict=True))


@pytest.mark.parametrize("way", ENDINGS)
def test_no_task_is_left_after(way: str, outcomes: dict[str, str]) -> None:
    assert outcomes[way] == ""
