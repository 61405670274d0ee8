"""Backends of `cloud` that run tasks in containers, or not at all."""

import subprocess
import threading
import time

from cloud import Task

import containers

DATABASE = ["--env", "DATABASE_URL=sqlite:////tmp/app.db"]


class Containers:
    """A container for each task with the entry point `env`, as in the task definition."""

    def __init__(self, image: str) -> None:
        self.image = image
        self.started: set[str] = set()
        self.codes: dict[str, int] = {}

    def start(self, task: Task) -> None:
        environment = [option for name, value in task.environment.items() for option in ("--env", f"{name}={value}")]
        options = ["--init", "--entrypoint", "env", "--network", "none", *DATABASE, *environment]
        command = ["run", "--detach", "--pull", "never", "--name", task.id, *options, self.image]
        try:
            containers.docker(*command, *task.override["command"])
        except AssertionError as error:
            raise RuntimeError(f"CannotStartContainerError: {error}") from None
        self.started.add(task.id)
        threading.Thread(target=self._wait, args=[task], daemon=True).start()

    def _wait(self, task: Task) -> None:
        """Keep the exit code as soon as there is one: to ask for it costs a process each time."""
        done = subprocess.run(["docker", "wait", task.id], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if done.returncode == 0:
            self.codes[task.id] = int(done.stdout)

    def running(self, task: Task) -> bool:
        return task.id in self.started and task.id not in self.codes

    def exit_code(self, task: Task) -> int | None:
        return self.codes.get(task.id)

    def lines(self, task: Task) -> list[str]:
        if task.id not in self.started:
            return []
        done = subprocess.run(["docker", "logs", task.id], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        whole = done.stdout if self.exit_code(task) is not None else done.stdout[: done.stdout.rfind("\n") + 1]
        return whole.splitlines()

    def stop(self, task: Task) -> None:
        containers.docker("stop", "--time", "20", task.id, check=False)

    def remove(self) -> None:
        """Remove every container that was started."""
        for name in self.started:
            containers.docker("rm", "--force", "--volumes", name, check=False)


class Nowhere:
    """Tasks are only records; they end at once or when stopped."""

    def __init__(self, *, code: int | None = 0) -> None:
        self.code = code
        self.runs: list[str] = []
        self.stopped: set[str] = set()

    def start(self, task: Task) -> None:
        if "IMAGE_IS" in task.environment:
            raise RuntimeError("CannotPullContainerError: image manifest does not exist")
        self.runs.append(task.id)

    def running(self, task: Task) -> bool:
        return task.id in self.runs and self.exit_code(task) is None

    def exit_code(self, task: Task) -> int | None:
        if task.id in self.stopped:
            return 143
        return self.code if task.id in self.runs else None

    def lines(self, task: Task) -> list[str]:
        ended = '{"time": "…", "logger": "kit.oneoff", "message": "one-off ended", "code": 0, "seconds": 1}'
        return ["out", ended] if task.id in self.runs else []

    def stop(self, task: Task) -> None:
        self.stopped.add(task.id)

    def remove(self) -> None:
        """Nothing to remove."""


class Counted:
    """Tasks are only records that end by themselves; `most` is how many have ever run at once.

    A container starts once its task was described so many times since ECS's lists have it and older ones: Fargate takes
    far longer than that and some requests.
    """

    def __init__(self, *, described: int = 0, running: float = 0.1, stopping: float = 0.0) -> None:
        self.described, self.lasting, self.stopping = described, running, stopping
        self.ends: dict[str, float] = {}
        self.codes: dict[str, int] = {}
        self.most = 0
        self.lock = threading.Lock()

    def start(self, task: Task) -> None:
        while task.described < self.described and not task.stopped:
            time.sleep(0.01)
        with self.lock:
            if task.stopped:
                raise RuntimeError("It was stopped before its container ran.")
            self.ends[task.id], self.codes[task.id] = time.monotonic() + self.lasting, 0
            self.most = max(self.most, sum(end > time.monotonic() for end in self.ends.values()))

    def running(self, task: Task) -> bool:
        return self.ends.get(task.id, 0) > time.monotonic()

    def exit_code(self, task: Task) -> int | None:
        return self.codes.get(task.id) if not self.running(task) else None

    def lines(self, task: Task) -> list[str]:
        ended = '{"time": "…", "logger": "kit.oneoff", "message": "one-off ended", "code": 0, "seconds": 1}'
        return [] if task.id not in self.ends else ["out"] if self.running(task) else ["out", ended]

    def stop(self, task: Task) -> None:
        with self.lock:
            if self.running(task):
                self.ends[task.id], self.codes[task.id] = time.monotonic() + self.stopping, 143

    def remove(self) -> None:
        """Nothing to remove."""
