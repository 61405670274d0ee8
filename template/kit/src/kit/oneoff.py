"""Inside a one-off task: what keeps its time, says who wanted it, and gives the true exit code. `./exec` starts it.

python -m kit.oneoff run --max 3600 -- COMMAND    run a command, for an hour at most; end with its exit code
python -m kit.oneoff hold --max 3600              keep the container for a session, and end when that does
python -m kit.oneoff enter -- COMMAND             be that session; its exit code becomes the task's

It needs the standard library alone and no setting, so that it works where the app does not.
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

OVER = 124
"""The exit code when the time was over, as `timeout` has it."""
CUT = 129
"""The exit code of a session that broke off: 128 and SIGHUP."""
GRACE = 30.0
"""Seconds between SIGTERM and SIGKILL."""
SESSION = Path(tempfile.gettempdir()) / "oneoff-session"
"""Locked while the session lives, even if it is killed; holds its exit code afterwards."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one of the three, and give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m kit.oneoff", description="What runs inside a one-off task.")
    parser.add_argument("action", choices=["run", "hold", "enter"])
    parser.add_argument("--max", type=float, default=3600.0, help="seconds that it may take")
    parser.add_argument("--who", default="", help="who wanted it, for the log")
    parser.add_argument("--why", default="", help="what for, for the log")
    parser.add_argument("--guest", action="store_true", help="enter beside another session; leaving ends nothing")
    options, command = split(sys.argv[1:] if arguments is None else arguments)
    told = parser.parse_args(options)
    if told.action == "enter":
        return enter(command, guest=told.guest)
    begun = time.monotonic()
    log("one-off started", who=told.who, why=told.why, command=command, max_seconds=told.max)
    code = run(command, told.max) if told.action == "run" else hold(told.max)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the code is known; who stops us now shall not change it
    log("one-off ended", code=code, seconds=round(time.monotonic() - begun, 1))
    return code


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part the options from the command, which stands behind the first `--`."""
    options = list(itertools.takewhile(lambda one: one != "--", arguments))
    return options, list(arguments[len(options) + 1 :])


def run(command: Sequence[str], seconds: float, *, grace: float = GRACE) -> int:
    """Run the command to its end, or to the end of its time: SIGTERM, then SIGKILL, to it and all that it started."""
    try:
        child = subprocess.Popen(command, start_new_session=True)  # noqa: S603
    except OSError as error:
        return cannot(command[0], error)

    def tell(number: int, _: FrameType | None = None) -> None:
        if child.returncode is None:
            os.killpg(child.pid, number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, tell)
    try:
        return as_shells_do(child.wait(seconds))
    except subprocess.TimeoutExpired:
        print(f"Ended: it may take {seconds:.0f} seconds, and they are over.", file=sys.stderr, flush=True)
        tell(signal.SIGTERM)
    try:
        child.wait(grace)
    except subprocess.TimeoutExpired:
        tell(signal.SIGKILL)
        child.wait()
    return OVER


def hold(seconds: float, *, beat: float = 0.2) -> int:
    """Wait for a session and for its end; give its exit code."""
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told.append(128 + number))
    SESSION.write_text("")
    SESSION.chmod(0o666)  # sessions are root's
    end = time.monotonic() + seconds
    with SESSION.open() as file:
        while True:
            over = bool(told) or time.monotonic() > end  # asked before the file: a session that just ended counts
            if (code := _of_the_session(file.fileno())) is not None:
                return code
            if over:
                return told[0] if told else OVER
            time.sleep(beat)


def _of_the_session(file: int) -> int | None:
    if not SESSION.read_text():
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    return int(SESSION.read_text().split()[-1])


def enter(command: Sequence[str], *, guest: bool = False) -> int:
    """Run the command in the terminal, and leave its exit code for the task."""
    if guest:
        return _in_the_terminal(command)
    end = time.monotonic() + 10
    while not SESSION.exists() and time.monotonic() < end:  # a task that has only just begun to hold
        time.sleep(0.05)
    with SESSION.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        print(CUT, file=file, flush=True)  # stands if we are killed
        code = _in_the_terminal(command)
        print(code, file=file, flush=True)
        return code


def _in_the_terminal(command: Sequence[str]) -> int:
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, lambda *_: None)  # the terminal tells the command as well
    try:
        child = subprocess.Popen(command)  # noqa: S603
    except OSError as error:
        return cannot(command[0], error)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: child.send_signal(number))
    return as_shells_do(child.wait())


def cannot(program: str, error: OSError) -> int:
    """Say why a program cannot be run, and give a shell's exit code for that."""
    if isinstance(error, FileNotFoundError):
        there = [name for name in ("bash", "sh", "python") if shutil.which(name)]
        print(f"There is no {program} in this image. There are: {', '.join(there)}.", file=sys.stderr, flush=True)
        return 127
    print(f"{program} cannot be run: {error.strerror}.", file=sys.stderr, flush=True)
    return 126


def as_shells_do(code: int) -> int:
    """An exit code, 128 and the signal's number where a signal ended it."""
    return 128 - code if code < 0 else code


def log(message: str, **extra: object) -> None:
    """Write a line as `kit.logs` does, which would need the app's settings."""
    moment = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = {"time": moment, "level": "INFO", "logger": "kit.oneoff", "message": message, **extra}
    print(json.dumps(line, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    sys.exit(main())
