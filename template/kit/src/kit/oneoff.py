"""Runs inside a one-off task, which `./exec` starts: enforces the time limit, logs the user, keeps the exit code.

python -m kit.oneoff run --max 3600 -- COMMAND    run a command for an hour at most; exit with its exit code
python -m kit.oneoff hold --max 3600              keep the container running for a session; exit when it ends
python -m kit.oneoff enter -- COMMAND             run that session; its exit code becomes the task's

It needs only the standard library and no settings, so that it works even if the app does not.
"""

import argparse
import fcntl
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

TIMED_OUT = 124
"""The exit code after a timeout, as `timeout` has it."""
DISCONNECTED = 129
"""The exit code of a session that was disconnected: 128 + SIGHUP."""
GRACE = 30.0
"""Seconds between SIGTERM and SIGKILL."""
SESSION = Path(tempfile.gettempdir()) / "oneoff-session"
"""Locked while the session runs, which also ends if it is killed; contains its exit code afterwards."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the three actions; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m kit.oneoff", description="Runs inside a one-off task.")
    parser.add_argument("action", choices=["run", "hold", "enter"])
    parser.add_argument("--max", type=float, default=3600.0, help="time limit in seconds")
    parser.add_argument("--who", default="", help="who started it, for the log")
    parser.add_argument("--why", default="", help="the reason, for the log")
    parser.add_argument("--guest", action="store_true", help="join another session; leaving does not end the task")
    options, command = split(sys.argv[1:] if arguments is None else arguments)
    parsed = parser.parse_args(options)
    if parsed.action == "enter":
        return enter(command, guest=parsed.guest)
    started = time.monotonic()
    log("one-off started", who=parsed.who, why=parsed.why, command=command, max_seconds=parsed.max)
    code = run(command, parsed.max) if parsed.action == "run" else hold(parsed.max)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the exit code is known, and a late signal must not change it
    log("one-off ended", code=code, seconds=round(time.monotonic() - started, 1))
    return code


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split the options from the command, which follows the first `--`."""
    options = list(itertools.takewhile(lambda argument: argument != "--", arguments))
    return options, list(arguments[len(options) + 1 :])


def run(command: Sequence[str], seconds: float, *, grace: float = GRACE) -> int:
    """Run the command; after `seconds`, send SIGTERM and then SIGKILL to it and everything that it started."""
    try:
        child = subprocess.Popen(command, start_new_session=True)  # noqa: S603
    except OSError as error:
        return report_error(command[0], error)

    def forward(number: int, _: FrameType | None = None) -> None:
        if child.returncode is None:
            os.killpg(child.pid, number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, forward)
    try:
        return shell_exit_code(child.wait(seconds))
    except subprocess.TimeoutExpired:
        print(f"Timed out after {seconds:.0f} s.", file=sys.stderr, flush=True)
        forward(signal.SIGTERM)
    try:
        child.wait(grace)
    except subprocess.TimeoutExpired:
        forward(signal.SIGKILL)
        child.wait()
    return TIMED_OUT


def hold(seconds: float, *, beat: float = 0.2) -> int:
    """Wait for a session and for its end; returns its exit code."""
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(128 + number))
    SESSION.write_text("")
    SESSION.chmod(0o666)  # sessions run as root
    end = time.monotonic() + seconds
    with SESSION.open() as file:
        while True:
            over = bool(stopped) or time.monotonic() > end  # before the file: a session that just ended counts
            if (code := _session_exit_code(file.fileno())) is not None:
                return code
            if over:
                return stopped[0] if stopped else TIMED_OUT
            time.sleep(beat)


def _session_exit_code(file: int) -> int | None:
    if not SESSION.read_text():
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    return int(SESSION.read_text().split()[-1])


def enter(command: Sequence[str], *, guest: bool = False) -> int:
    """Run the command in the terminal, and record its exit code for the task."""
    if guest:
        return _run_in_terminal(command)
    end = time.monotonic() + 10
    while not SESSION.exists() and time.monotonic() < end:  # the task may have started a moment ago
        time.sleep(0.05)
    with SESSION.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        print(DISCONNECTED, file=file, flush=True)  # the result if we are killed
        code = _run_in_terminal(command)
        print(code, file=file, flush=True)
        return code


def _run_in_terminal(command: Sequence[str]) -> int:
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, lambda *_: None)  # the terminal also signals the command
    try:
        child = subprocess.Popen(command)  # noqa: S603
    except OSError as error:
        return report_error(command[0], error)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: child.send_signal(number))
    return shell_exit_code(child.wait())


def report_error(program: str, error: OSError) -> int:
    """Print why a program can't be run; returns a shell's exit code for that."""
    if isinstance(error, FileNotFoundError):
        available = [name for name in ("bash", "sh", "python") if shutil.which(name)]
        print(f"There is no {program} in this image. Available: {', '.join(available)}.", file=sys.stderr, flush=True)
        return 127
    print(f"Can't run {program}: {error.strerror}.", file=sys.stderr, flush=True)
    return 126


def shell_exit_code(code: int) -> int:
    """An exit code; 128 + the signal's number if a signal ended the process."""
    return 128 - code if code < 0 else code


def log(message: str, **extra: object) -> None:
    """Write a log record as `kit.logs` does, which would need the app's settings."""
    moment = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = {"time": moment, "level": "INFO", "logger": "kit.oneoff", "message": message, **extra}
    print(json.dumps(line, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    sys.exit(main())
