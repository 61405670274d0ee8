"""kit/step.py: a step that a runner cancels is heard by every process of its command."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from rendering import TEMPLATE
from waiting import until
from workflows import cancel

STEP = f"python3 {TEMPLATE / 'kit' / 'step.py'}"
HEARS = """\
import pathlib, signal, time
def hear(number, frame):
    pathlib.Path("heard").open("a").write(f"{number} ")
    raise SystemExit(0)
signal.signal(signal.SIGINT, hear)
pathlib.Path("began").touch()
time.sleep(60)
"""
MAKEFILE = "deploy:\n\t@sh -c 'echo making; python3 hears.py; true'\nlong:\n\t@sh -c '(trap \"\" INT; sleep 1; touch late) & touch began; sleep 60'\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.joinpath("hears.py").write_text(HEARS)
    tmp_path.joinpath("Makefile").write_text(MAKEFILE)
    return tmp_path


def begin(folder: Path, shell: str) -> subprocess.Popen[str]:
    """Start a step's shell as a runner does: from a file."""
    folder.joinpath("step.sh").write_text(shell)
    environ = os.environ | {"GITHUB_OUTPUT": str(folder / "output")}
    with folder.joinpath("printed").open("w") as printed:
        return subprocess.Popen(
            ["bash", "-e", "step.sh"], cwd=folder, env=environ, stdout=printed, text=True, start_new_session=True
        )


def test_a_cancelled_step_reaches_a_program_below_make(folder: Path) -> None:
    step = begin(folder, f"exec {STEP} --output address make deploy")
    until(folder.joinpath("began").exists, what="the program")
    assert cancel(step) == signal.SIGINT
    assert folder.joinpath("heard").read_text() == f"{signal.SIGINT:d} "
    assert step.returncode != 0
    assert not folder.joinpath("output").exists()


def test_without_it_the_program_would_not_hear(folder: Path) -> None:
    step = begin(folder, "address=$(make deploy)")
    until(folder.joinpath("began").exists, what="the program")
    step.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        step.wait(1)
    assert not folder.joinpath("heard").exists()
    os.killpg(step.pid, signal.SIGKILL)
    step.wait()


def test_a_cancelled_step_ends_after_the_last_process_of_its_command(folder: Path) -> None:
    step = begin(folder, f"exec {STEP} make long")
    until(folder.joinpath("began").exists, what="the command")
    assert cancel(step) == signal.SIGINT
    assert folder.joinpath("late").exists()


@pytest.mark.parametrize(
    ("command", "code", "output"), [("echo https://a.b", 0, "address=https://a.b\n"), ("false", 1, "")]
)
def test_the_output_of_a_command_that_succeeds_is_handed_on(folder: Path, command: str, code: int, output: str) -> None:
    step = begin(folder, f"exec {STEP} --output address {command}")
    assert step.wait() == code
    written = folder / "output"
    assert (written.read_text() if written.exists() else "") == output
    assert folder.joinpath("printed").read_text() == output.removeprefix("address=")


def test_a_command_that_a_signal_kills_fails_its_step(folder: Path) -> None:
    assert begin(folder, f"exec {STEP} sh -c 'kill -9 $$'").wait() == 128 + signal.SIGKILL
