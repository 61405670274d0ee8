"""Steps that take their time: a line each with what it came to, on the terminal a clock while it runs."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

GREEN, RED = 32, 31


class Step:
    """What a running step may still say of itself; its last word stands in its line."""

    def __init__(self) -> None:
        self.detail = ""

    def say(self, detail: str) -> None:
        """Tell how far it is, or what it came to."""
        self.detail = detail


@contextmanager
def step(name: str) -> Iterator[Step]:
    """Print one line on standard error for what is done in the block: name, seconds, detail."""
    terminal = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    begun, current, done = time.monotonic(), Step(), threading.Event()

    def line(word: str, colour: int = 0) -> str:
        shown = f"\033[{colour}m{word:<5}\033[0m" if terminal and colour else f"{word:<5}"
        return f"  {shown} {name:<28}{time.monotonic() - begun:7.1f} s  {current.detail}".rstrip()

    def tick() -> None:
        while not done.wait(0.2):
            print(f"\r\033[K{line('...')}", end="", file=sys.stderr, flush=True)

    clock = threading.Thread(target=tick, daemon=True)
    if terminal:
        clock.start()
    word, colour = "FAIL", RED
    try:
        yield current
        word, colour = "ok", GREEN
    finally:
        done.set()
        if terminal:
            clock.join()
            print("\r\033[K", end="", file=sys.stderr)
        print(line(word, colour), file=sys.stderr, flush=True)
