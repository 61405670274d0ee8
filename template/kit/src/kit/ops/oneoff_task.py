"""Run a one-off task for the duration of a block; it is stopped at the end, by an error, Ctrl-C or a signal.

spec = TaskSpec(["python", "-m", "kit", "migrate"], why="make deploy")
code = oneoff_task.run(account, deployed, spec)
"""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from kit.errors import UsageError
from kit.ops import retry
from kit.ops.aws_account import Account
from kit.ops.deployed import Deployed
from kit.ops.ecs_task import START_TIMEOUT, Task, TaskSpec
from kit.ops.progress import step
from kit.ops.task_logs import TaskLogs

Check = Callable[[Task], None]
"""Is called with a task while it starts; an exception ends the start, and the task."""


def run(account: Account, deployed: Deployed, spec: TaskSpec, check: Check = lambda _: None) -> int:
    """Run a command as a task, stream its output to standard output, and return its exit code: 124 after a timeout.

    Raises `UsageError` with ECS's reason when the task does not start, or ends without an exit code.
    """
    with running(account, deployed, spec, check) as task:
        return follow(task, spec.lifetime)


def follow(task: Task, lifetime: float) -> int:
    """Stream a task's output until it has ended; return its exit code, and print ECS's reason for it."""
    logs, reported = TaskLogs(task), set[str]()

    def report(text: str) -> None:
        if text not in reported:
            print(text, file=sys.stderr)
        reported.add(text)

    deadline = time.monotonic() + lifetime + START_TIMEOUT
    while not task.ended:
        time.sleep(retry.POLL_SECONDS)
        retry.retry_until(task.refresh, deadline, report)
        retry.retry_until(logs.show, deadline, report)
    logs.drain()
    code = task.exit_code()
    if code == 124 and logs.end_record.get("seconds", 0) >= lifetime:
        print(f"Timed out after {lifetime:.0f} s (--max).", file=sys.stderr)
    elif code and not logs.end_record:  # kit.oneoff was killed
        print(f"The task was stopped: {task.stop_reason()}", file=sys.stderr)
    return code


@contextmanager
def running(account: Account, deployed: Deployed, spec: TaskSpec, check: Check = lambda _: None) -> Iterator[Task]:
    """Start a task that runs in the block, and stop it at the block's end."""
    task = Task(account, deployed)
    with _exit_on_signal() as ignore_signals:
        try:
            with step("start a task") as current:

                def report(status: str) -> None:
                    current.update(status)
                    check(task)

                task.start(spec, current.update)
                check(task)
                task.wait_until_running(report)
                current.update(task.id)
            yield task
        finally:
            ignore_signals()
            stop(task)


def stop(task: Task) -> None:
    """Stop a task; prints a message when that fails, as its lifetime ends it then."""
    if task.ended or not task.requested:
        return
    with suppress(OSError):  # the terminal may be closed
        try:
            with step("stop the task") as current:
                task.stop("Its client ended.", current.update)
        except UsageError as error:
            print(
                f"\nCould not stop the task {task.id or task.name}. {error}\n"
                "It ends by itself when its lifetime is over. Until then there are ./exec follow and ./exec stop.",
                file=sys.stderr,
            )


@contextmanager
def _exit_on_signal() -> Iterator[Callable[[], None]]:
    """Leave the block on Ctrl-C, SIGTERM or a closed terminal, but only once, so that the clean-up is not interrupted.

    Yields a function that ignores these signals from then on. Signals that are ignored already (`nohup`) stay so.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    handled = [number for number, handler in before.items() if handler != signal.SIG_IGN]

    def ignore_signals() -> None:
        for number in handled:
            signal.signal(number, signal.SIG_IGN)

    def leave(number: int, _: FrameType | None) -> None:
        ignore_signals()
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)

    for number in handled:
        signal.signal(number, leave)
    try:
        yield ignore_signals
    finally:
        for number in handled:
            signal.signal(number, before[number])
