"""Progress of long-running steps: one line each on standard error, with a running clock on a terminal."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

GREEN, RED = 32, 31


class Step:
    """A running step."""

    def __init__(self) -> None:
        self.detail = ""

    def update(self, detail: str) -> None:
        """Show how far it is; the last detail stays in the step's line."""
        self.detail = detail


@contextmanager
def step(name: str) -> Iterator[Step]:
    """Print a line on standard error for what runs in the block: outcome, name, seconds, detail."""
    terminal = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    start, current, done = time.monotonic(), Step(), threading.Event()

    def line(outcome: str, colour: int = 0) -> str:
        label = f"\033[{colour}m{outcome:<5}\033[0m" if terminal and colour else f"{outcome:<5}"
        return f"  {label} {name:<28}{time.monotonic() - start:7.1f} s  {current.detail}".rstrip()

    def tick() -> None:
        while not done.wait(0.2):
            print(f"\r\033[K{line('...')}", end="", file=sys.stderr, flush=True)

    clock = threading.Thread(target=tick, daemon=True)
    if terminal:
        clock.start()
    outcome, colour = "FAIL", RED
    try:
        yield current
        outcome, colour = "ok", GREEN
    finally:
        done.set()
        if terminal:
            clock.join()
            print("\r\033[K", end="", file=sys.stderr)
        print(line(outcome, colour), file=sys.stderr, flush=True)
