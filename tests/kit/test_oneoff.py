"""The command, time limit, exit code and session of a one-off task."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kit import oneoff
from rendering import TEMPLATE
from waiting import until


@pytest.fixture
def inside(tmp_path: Path) -> Any:
    """Start `python -m kit.oneoff` as a container does."""
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "kit.oneoff", *arguments]
        environ = os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": str(TEMPLATE), "AWS_LAMBDA_FUNCTION_NAME": "x"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        processes.append(
            subprocess.Popen(command, env=environ, cwd=tmp_path, text=True, start_new_session=True, **pipes)
        )
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """The file that a session and its task share."""
    return tmp_path / "oneoff-session"


def lives(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and "Z" not in state


def test_a_command_that_ignores_sigterm_is_killed_with_everything_it_started(tmp_path: Path) -> None:
    stubborn = (
        f"trap '' TERM; (trap '' TERM; sh -c 'echo $PPID' > {tmp_path}/child; while :; do sleep 0.1; done) & wait"
    )
    code = f"import sys; from kit import oneoff; sys.exit(oneoff.run(['bash', '-c', {stubborn!r}], 1, grace=0.2))"
    done = subprocess.run([sys.executable, "-c", code], cwd=TEMPLATE, capture_output=True, text=True, timeout=60)
    assert done.returncode == oneoff.TIMED_OUT
    assert "Timed out after 1 s." in done.stderr
    child = int((tmp_path / "child").read_text())
    until(lambda: not lives(child), what="the end of the processes that the command started")


def test_stopping_a_task_signals_its_command(inside: Any) -> None:
    process = inside("run", "--max", "60", "--", "bash", "-c", "trap 'exit 9' TERM; echo ready; sleep 60 & wait")
    until(lambda: process.stdout.readline() == "ready\n", what="the command")
    process.terminate()
    assert process.wait(30) == 9


def test_it_needs_no_settings_and_logs_who_ran_it_and_its_exit_code(inside: Any) -> None:
    out, _ = inside("run", "--who", "ada", "--why", "to see", "--", "echo", "--max").communicate(timeout=60)
    started, output, ended = out.splitlines()
    assert output == "--max"
    assert (json.loads(started)["who"], json.loads(started)["why"]) == ("ada", "to see")
    assert (json.loads(started)["logger"], json.loads(ended)["code"]) == ("kit.oneoff", 0)


def test_a_missing_or_invalid_program_has_a_shells_exit_code(inside: Any, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    assert inside("run", "--", str(tmp_path / "text")).wait(30) == 126
    assert inside("run", "--", str(tmp_path / "nothing")).wait(30) == 127


def test_a_held_task_ends_with_its_session_and_its_exit_code(inside: Any) -> None:
    held = inside("hold", "--max", "60")
    assert inside("enter", "--", "bash", "-c", "exit 7").wait(30) == 7
    assert held.wait(30) == 7


def test_a_session_that_is_killed_ends_its_task(inside: Any, session: Path) -> None:
    held = inside("hold", "--max", "60")
    entered = inside("enter", "--", "sleep", "60")
    until(lambda: session.exists() and session.read_text(), what="the session")
    os.killpg(entered.pid, signal.SIGKILL)
    assert held.wait(30) == oneoff.DISCONNECTED


def test_a_session_whose_terminal_is_closed_ends_its_task(inside: Any, session: Path) -> None:
    held = inside("hold", "--max", "60")
    entered = inside("enter", "--", "sleep", "60")
    until(lambda: session.exists() and session.read_text(), what="the session")
    entered.send_signal(signal.SIGHUP)
    assert held.wait(30) == 128 + signal.SIGHUP


def test_a_guest_does_not_end_the_task(inside: Any, session: Path) -> None:
    held = inside("hold", "--max", "60")
    until(session.exists, what="the task")
    assert inside("enter", "--guest", "--", "true").wait(30) == 0
    assert inside("enter", "--", "bash", "-c", "exit 5").wait(30) == 5
    assert held.wait(30) == 5


def test_a_task_without_a_session_ends_at_its_time_limit(inside: Any) -> None:
    assert inside("hold", "--max", "0.5").wait(30) == oneoff.TIMED_OUT


def test_a_task_that_is_stopped_before_a_session_has_the_exit_code_of_the_signal(inside: Any, session: Path) -> None:
    held = inside("hold", "--max", "60")
    until(session.exists, what="the task")
    held.terminate()
    assert held.wait(30) == 128 + signal.SIGTERM
