"""A task for as long as a block: started, and ended with it, by its end, an error, Ctrl-C or a signal.

    code = oneoff.run(account, deployed, Wanted(["python", "-m", "kit", "migrate"], why="make deploy"))

Another revision of the task definition: `dataclasses.replace(deployed, task_definition=…)`.
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
from kit.ops.ecs_task import START, Task, Wanted
from kit.ops.progress import step
from kit.ops.task_logs import Output


def run(account: Account, deployed: Deployed, wanted: Wanted) -> int:
    """Run a command as a task's own: its output streamed to standard output, its real exit code given.

    Raises `UsageError` when it cannot be started, or ends without an exit code; both with ECS's reason. When its
    lifetime is over it is ended, and the code is 124.
    """
    with started(account, deployed, wanted) as task:
        return follow(task, wanted.lifetime)


def follow(task: Task, lifetime: float) -> int:
    """Stream what a task writes until it has ended; give its exit code, and tell what ECS says of it."""
    output, said = Output(task), set[str]()

    def say(text: str) -> None:
        if text not in said:
            print(text, file=sys.stderr)
        said.add(text)

    end = time.monotonic() + lifetime + START
    while not task.over:
        time.sleep(retry.EVERY)
        retry.until(task.look, end, say)
        retry.until(output.show, end, say)
    output.drain()
    code = task.exit_code()
    if code == 124 and output.ended.get("seconds", 0) >= lifetime:
        print(f"It was ended when its time of {lifetime:.0f} s was over (--max).", file=sys.stderr)
    elif code and not output.ended:  # not by itself, then
        print(f"It was ended: {task.why_ended()}", file=sys.stderr)
    return code


@contextmanager
def started(account: Account, deployed: Deployed, wanted: Wanted) -> Iterator[Task]:
    """Start a task that runs in the block, and end it with the block."""
    task = Task(account, deployed)
    with _left_by_a_signal() as undisturbed:
        try:
            with step("start a task") as current:
                task.start(wanted, current.say)
                task.wait_until_running(current.say)
                current.say(task.id)
            yield task
        finally:
            undisturbed()
            end(task)


def end(task: Task) -> None:
    """Stop it, and tell when that could not be done; its lifetime ends it then."""
    if task.over or not task.asked:
        return
    with suppress(OSError):  # the terminal may be closed
        try:
            with step("end the task") as current:
                task.stop("Its client ended.", current.say)
        except UsageError as error:
            print(
                f"\nThe task {task.id or task.name} could not be stopped. {error}\n"
                "It ends by itself when its time is over. Meanwhile there are ./exec follow and ./exec stop.",
                file=sys.stderr,
            )


@contextmanager
def _left_by_a_signal() -> Iterator[Callable[[], None]]:
    """Leave the block by Ctrl-C, SIGTERM or a closed terminal, once: the second must not keep the first from its work.

    Gives a function after which none of them does anything. What is ignored already (`nohup`) stays so.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    mine = [number for number, handler in before.items() if handler != signal.SIG_IGN]

    def undisturbed() -> None:
        for number in mine:
            signal.signal(number, signal.SIG_IGN)

    def leave(number: int, _: FrameType | None) -> None:
        undisturbed()
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)

    for number in mine:
        signal.signal(number, leave)
    try:
        yield undisturbed
    finally:
        for number in mine:
            signal.signal(number, before[number])
