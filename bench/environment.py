"""One environment of a Lambda function in AWS's own runtime emulator, and what is measured of it."""

import http.client
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import containers
import events
import rie

BROWSER = {
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "accept-encoding": "gzip, deflate, br, zstd",
    "accept-language": "en-GB,en;q=0.5",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
}
"""What a browser sends with a visit."""

PAGE = events.http(headers=BROWSER)


@dataclass(frozen=True)
class Answer:
    """What the function said, and how long that took, in milliseconds."""

    said: dict[str, object]
    took: float


class Environment:
    """A function that takes events over a connection that stays open; its first event also starts it."""

    def __init__(self, container: containers.Container) -> None:
        self.container = container
        self._connection = http.client.HTTPConnection("127.0.0.1", container.port(8080), timeout=60)
        self._connection.connect()

    def invoke(self, event: object) -> Answer:
        """Send an event and take the time until its answer is whole."""
        body = json.dumps(event)
        begun = time.perf_counter()
        self._connection.request("POST", "/2015-03-31/functions/function/invocations", body)
        text = self._connection.getresponse().read()
        return Answer(json.loads(text), (time.perf_counter() - begun) * 1000)

    def init(self) -> float:
        """Milliseconds from the start of the process to its first request for an event, as the emulator reports it."""
        reported = re.search(r"INIT REPORT\(durationMs: ([\d.]+)\)", self.container.logs())
        assert reported, self.container.logs()
        return float(reported[1])

    def memory(self) -> float:
        """MB that the function's process has in memory (RSS)."""
        read = "for p in /proc/[0-9]*; do grep -qa ^python $p/cmdline && grep ^Rss: $p/smaps_rollup; done; true"
        smaps = containers.docker("exec", self.container.name, "sh", "-c", read)
        return max(int(number) for number in re.findall(r"Rss:\s+(\d+) kB", smaps)) / 1024

    def processor(self) -> float:
        """Milliseconds of processor time that the container has used so far, the emulator's included."""
        process = containers.docker("inspect", "--format", "{{.State.Pid}}", self.container.name)
        groups = dict(line.split(":")[1:] for line in Path(f"/proc/{process}/cgroup").read_text().splitlines())
        folder = Path("/sys/fs/cgroup")
        if (group := groups.get("cpuacct")) is not None:  # version 1 of cgroups
            return int((folder / "cpuacct" / group[1:] / "cpuacct.usage").read_text()) / 1_000_000
        name, usage = (folder / groups[""][1:] / "cpu.stat").read_text().split(maxsplit=2)[:2]
        assert name == "usage_usec"
        return int(usage) / 1000

    def close(self) -> None:
        """Let go of the connection; the container is ended by who began it."""
        self._connection.close()


@contextmanager
def started(image: str, *, core: int, options: Sequence[str]) -> Iterator[Environment]:
    """Have an environment wait for its first event, on one core of the machine."""
    pinned = ["--cpuset-cpus", str(core), *options]
    with rie.function(image, options=pinned) as function:
        before_all_else(function.container)
        environment = Environment(function.container)
        try:
            yield environment
        finally:
            environment.close()


def before_all_else(container: containers.Container) -> None:
    """Let it run before what else the machine does, where that is allowed; what it starts from now on inherits this.

    Priorities count only within a container; between containers and everything else, their shares do.
    """
    containers.docker("update", "--cpu-shares", "262144", container.name, check=False)
    process = int(containers.docker("inspect", "--format", "{{.State.Pid}}", container.name))
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{process}/task"):
            os.setpriority(os.PRIO_PROCESS, int(thread), -20)
