"""Runs a command as a step of a pipeline, so that cancelling the step reaches every process of the command.

    exec python3 kit/step.py --output address make deploy STAGE=prod

A runner of GitHub's cancels a step, or ends it after its timeout, by a signal to the step's own process alone: SIGINT,
7.5 seconds later SIGTERM, and 2.5 seconds later SIGKILL (actions/runner, src/Runner.Sdk/ProcessInvoker.cs). A shell does
not pass them on, nor does make. So `exec` replaces the shell by this program, which runs the command in a process group
of its own, sends that group each signal, and ends when the last process of the group has ended.

With `--output NAME`, what the command prints on standard output becomes an output of the step.
Needs Python 3.7 or later and nothing else.
"""

import os
import signal
import subprocess
import sys
import time

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LONGEST_END = 60.0
"""How many seconds the other processes of a command that was signalled may take to end, after its own end."""


def main() -> int:
    """Run the command in the arguments and return its exit code, 128 and the number for one that a signal killed."""
    name, command = ("", sys.argv[1:])
    if command[:1] == ["--output"]:
        name, command = command[1], command[2:]
    signals = []
    process = None

    def forward(number: int, _: object) -> None:
        signals.append(number)
        if process is not None:
            send(process.pid, number)

    for number in SIGNALS:
        signal.signal(number, forward)
    process = subprocess.Popen(command, stdout=subprocess.PIPE if name else None, start_new_session=True)  # noqa: S603
    for number in signals:  # those that arrived before the process was known
        send(process.pid, number)
    output, _ = process.communicate()
    if signals:
        wait_for_group(process.pid)
    if name and not process.returncode:
        hand_on(name, output.decode().strip())
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def send(group: int, number: int) -> bool:
    """Send a process group a signal, 0 for none; False when it has no process left."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def wait_for_group(group: int) -> None:
    """Wait until the group has no process left."""
    end = time.monotonic() + LONGEST_END
    while send(group, 0) and time.monotonic() < end:
        time.sleep(0.05)


def hand_on(name: str, value: str) -> None:
    """Print the value, and make it an output of the step if this is one of GitHub's."""
    print(value)
    if "GITHUB_OUTPUT" in os.environ:
        with open(os.environ["GITHUB_OUTPUT"], "a") as file:
            print(f"{name}={value}", file=file)


if __name__ == "__main__":
    sys.exit(main())
