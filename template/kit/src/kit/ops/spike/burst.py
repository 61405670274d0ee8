"""Starts environments in a container, sends each its requests at the same moment, and measures. Python's library alone.

It is copied into a container of an image, beside AWS's runtime emulator, and gets a plan as a line of JSON on its standard
input: see `kit.ops.spike.environments`. It prints a line of JSON, and ends when its input does, at the latest after
`seconds`.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

FIRST_PORT = 20_000
HERE = Path(__file__).parent
LINES = 20
"""Of an environment's log that are returned, if its request fails."""


class Environment:
    """One environment: the emulator, which starts the image's own command at the first request."""

    def __init__(self, number: int, command: list[str], event: bytes, folder: str) -> None:
        self.port, self.event = FIRST_PORT + 2 * number, event
        self.log = Path(folder) / f"{number}.log"
        self.milliseconds: list[float] = []
        self.failed: list[str] = []
        self.lost: list[str] = []
        self.started = self.ended = 0.0
        """When the first request was sent and the last one answered, by `time.monotonic`."""
        emulator = [
            *(str(HERE / "emulator"), "--runtime-interface-emulator-address", f"127.0.0.1:{self.port}"),
            *("--runtime-api-address", f"127.0.0.1:{self.port + 1}"),
        ]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([*emulator, *command], stdout=log, stderr=log)  # noqa: S603

    def wait(self, deadline: float) -> None:
        """Return once the emulator takes requests."""
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def request(self, start: threading.Barrier, requests: int, deadline: float) -> None:
        """Send the requests, one after another; the first one also starts the environment."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=max(1, deadline - time.monotonic()))
        connection.connect()
        start.wait()
        self.started = time.monotonic()
        for _ in range(requests):
            begun = time.monotonic()
            try:
                connection.request("POST", "/2015-03-31/functions/function/invocations", self.event)
                text = connection.getresponse().read()
            except OSError as error:
                self.lost.append(f"{error!r}\n{self.last_lines()}")
                return
            self.ended = time.monotonic()
            self.milliseconds.append((self.ended - begun) * 1000)
            response = json.loads(text)
            if not isinstance(response, dict) or not 200 <= response.get("statusCode", 0) < 400:
                self.failed.append(f"{text[:300]!r}\n{self.last_lines()}")

    def last_lines(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LINES:])

    def memory(self) -> float:
        """MB of the environment's processes, a page that several share divided among them; without the emulator."""
        return sum(_proportional(child) for child in _children(self.process.pid)) / 1024


def _children(process: int) -> list[int]:
    direct = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int(folder.joinpath("stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == process:
            direct.append(int(folder.name))
    return direct


def _proportional(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def run(plan: dict[str, Any], folder: str, environments: list[Environment]) -> dict[str, Any]:
    """Start the environments, send the requests, and return what was measured.

    folder: for logs. environments: takes those that were started, which go on running.
    """
    deadline = time.monotonic() + plan["seconds"]
    if plan["prepare"]:
        done = subprocess.run(plan["prepare"], capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            return {"error": (done.stdout + done.stderr)[-2000:]}
    event = json.dumps(plan["event"]).encode()
    for number in range(plan["environments"]):
        environments.append(Environment(number, plan["command"], event, folder))
    for environment in environments:
        environment.wait(deadline)
    return _measure(environments, plan["requests"], deadline)


def _measure(environments: list[Environment], requests: int, deadline: float) -> dict[str, Any]:
    start = threading.Barrier(len(environments) + 1)
    threads = [
        threading.Thread(target=environment.request, args=(start, requests, deadline), daemon=True)
        for environment in environments
    ]
    for thread in threads:
        thread.start()
    start.wait()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    answered = [environment for environment in environments if environment.milliseconds]
    return {
        "first": [environment.milliseconds[0] for environment in answered],
        "later": [milliseconds for environment in answered for milliseconds in environment.milliseconds[1:]],
        "failed": [text for environment in environments for text in environment.failed],
        "lost": [text for environment in environments for text in environment.lost]
        + ["no answer in time"] * sum(thread.is_alive() for thread in threads),
        # By the requests' own clocks: this thread may run seconds after those that it has let go.
        "seconds": max(each.ended for each in answered) - min(each.started for each in answered) if answered else 0.0,
        "memory": [environment.memory() for environment in environments],
    }


def main() -> None:
    """Run the plan, print the result, and keep the environments until the input ends."""
    plan = json.loads(sys.stdin.readline())
    # Whatever happens: nothing of this runs longer than it may.
    timer = threading.Timer(plan["seconds"] + 60, lambda: os.kill(os.getpid(), signal.SIGKILL))
    timer.daemon = True
    timer.start()
    environments: list[Environment] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            print(json.dumps(run(plan, folder, environments)), flush=True)
            sys.stdin.read()
        finally:
            for environment in environments:
                environment.process.kill()


if __name__ == "__main__":
    main()
