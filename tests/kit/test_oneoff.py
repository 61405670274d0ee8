"""What stands around a command inside a one-off task: its time, its exit code, its session."""

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
    """Begin `python -m kit.oneoff` as it is begun in a container."""
    begun: list[subprocess.Popen[str]] = []

    def begin(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "kit.oneoff", *arguments]
        environ = os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": str(TEMPLATE), "AWS_LAMBDA_FUNCTION_NAME": "x"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        begun.append(subprocess.Popen(command, env=environ, cwd=tmp_path, text=True, start_new_session=True, **pipes))
        return begun[-1]

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """The file by which a session and its task know of each other."""
    return tmp_path / "oneoff-session"


def lives(pid: int) -> bool:
    """Whether there is such a process, and it is more than a body."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_what_does_not_heed_sigterm_is_killed_and_all_that_it_started(tmp_path: Path) -> None:
    stubborn = f"trap '' TERM; (trap '' TERM; echo $BASHPID > {tmp_path}/child; while :; do sleep 0.1; done) & wait"
    code = f"import sys; from kit import oneoff; sys.exit(oneoff.run(['bash', '-c', {stubborn!r}], 1, grace=0.2))"
    done = subprocess.run([sys.executable, "-c", code], cwd=TEMPLATE, capture_output=True, text=True, timeout=60)
    assert done.returncode == oneoff.OVER
    assert "Ended: it may take 1 seconds, and they are over." in done.stderr
    child = int((tmp_path / "child").read_text())
    until(lambda: not lives(child), what="the end of what the command started")


def test_a_task_that_is_stopped_tells_its_command(inside: Any) -> None:
    process = inside("run", "--max", "60", "--", "bash", "-c", "trap 'exit 9' TERM; echo ready; sleep 60 & wait")
    until(lambda: process.stdout.readline() == "ready\n", what="the command")
    process.terminate()
    assert process.wait(30) == 9


def test_it_needs_no_setting_and_writes_what_its_log_is_read_for(inside: Any) -> None:
    out, _ = inside("run", "--who", "ada", "--why", "to see", "--", "echo", "--max").communicate(timeout=60)
    begun, said, ended = out.splitlines()
    assert said == "--max"
    assert (json.loads(begun)["who"], json.loads(begun)["why"]) == ("ada", "to see")
    assert (json.loads(begun)["logger"], json.loads(ended)["code"]) == ("kit.oneoff", 0)


def test_what_is_no_program_has_a_shells_exit_code(inside: Any, tmp_path: Path) -> None:
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
    assert held.wait(30) == oneoff.CUT


def test_a_session_whose_terminal_is_closed_ends_its_task(inside: Any, session: Path) -> None:
    held = inside("hold", "--max", "60")
    entered = inside("enter", "--", "sleep", "60")
    until(lambda: session.exists() and session.read_text(), what="the session")
    entered.send_signal(signal.SIGHUP)
    assert held.wait(30) == 128 + signal.SIGHUP


def test_a_guest_ends_nothing(inside: Any, session: Path) -> None:
    held = inside("hold", "--max", "60")
    until(session.exists, what="the task")
    assert inside("enter", "--guest", "--", "true").wait(30) == 0
    assert inside("enter", "--", "bash", "-c", "exit 5").wait(30) == 5
    assert held.wait(30) == 5


def test_a_task_that_nobody_enters_ends_when_its_time_is_over(inside: Any) -> None:
    assert inside("hold", "--max", "0.5").wait(30) == oneoff.OVER


def test_a_task_that_is_stopped_before_anybody_entered_says_so(inside: Any, session: Path) -> None:
    held = inside("hold", "--max", "60")
    until(session.exists, what="the task")
    held.terminate()
    assert held.wait(30) == 128 + signal.SIGTERM
