"""The worker as a process: until Ctrl-C, and with `--reload` begun anew whenever the code changes."""

import logging
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

from kit import settings

log = logging.getLogger("kit.jobs")

LOOK = 1.0
"""Seconds between two looks at the files."""


class Stop:
    """Ctrl-C and SIGTERM: they interrupt what runs, and are remembered in case a job swallows the interruption."""

    def __init__(self) -> None:
        self.requested = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def _handle(self, _: int, __: FrameType | None) -> None:
        self.requested = True
        raise KeyboardInterrupt


def plain() -> None:
    """Work until Ctrl-C or SIGTERM."""
    from kit.jobs.runners.worker import Worker

    with suppress(KeyboardInterrupt):
        stop = Stop()
        Worker().work(lambda: not stop.requested)


def worker() -> None:
    """Work, and begin anew when a file changes; code that cannot be imported is waited for to be mended.

    It ends with the process that started it.
    """
    from kit.jobs.runners.worker import Worker

    with suppress(KeyboardInterrupt):
        stop = Stop()
        changed = threading.Event()
        threading.Thread(target=_watch, args=(changed, state(), os.getppid()), daemon=True).start()
        try:
            Worker().work(lambda: not (changed.is_set() or stop.requested))
        except (Exception, SystemExit):
            log.exception("the worker waits until the code is mended")
            changed.wait()
        if not stop.requested:
            os.execv(sys.executable, [sys.executable, "-m", "kit", "jobs", "worker", "--reload"])  # noqa: S606 - itself


def state() -> dict[Path, int]:
    """When each file of the code was last changed."""
    found = {}
    for folder in ("app", "kit"):
        for file in (settings.PROJECT / folder).rglob("*.py"):
            with suppress(OSError):
                found[file] = file.stat().st_mtime_ns
    return found


def _watch(changed: threading.Event, before: dict[Path, int], parent: int) -> None:
    while True:
        time.sleep(LOOK)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)
            return
        if state() != before:
            changed.set()
            return
