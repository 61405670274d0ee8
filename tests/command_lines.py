"""The command lines of all processes of this machine, which any of its users can read, while a block runs."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PROC = Path("/proc")


@contextmanager
def seen(every: float = 0.1) -> Iterator[set[str]]:
    """Give the set of command lines, to which those of running processes are added each `every` seconds."""
    lines: set[str] = set()
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(every):
            for process in filter(str.isdecimal, os.listdir(PROC) if PROC.exists() else ()):
                with suppress(OSError):  # it has ended
                    lines.add((PROC / process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield lines
    finally:
        ended.set()
        thread.join()
