"""The local worker as a process: until Ctrl-C, and with `--reload` restarted whenever the code changes."""

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
from kit.jobs.runners.worker import Worker

log = logging.getLogger("kit.jobs")

POLL = 1.0
"""Seconds between two checks of the files."""


class Stop:
    """Ctrl-C and SIGTERM: they interrupt the job, and are remembered in case it swallows the interruption."""

    def __init__(self) -> None:
        self.requested = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def _handle(self, _: int, __: FrameType | None) -> None:
        self.requested = True
        raise KeyboardInterrupt


def run() -> None:
    """Run jobs until Ctrl-C or SIGTERM."""
    with suppress(KeyboardInterrupt):
        stop = Stop()
        Worker().work(lambda: not stop.requested)


def run_with_reload() -> None:
    """Run jobs, and restart when a file changes; after an import error, wait for the change that fixes it.

    It ends with its parent process.
    """
    with suppress(KeyboardInterrupt):
        stop = Stop()
        changed = threading.Event()
        threading.Thread(target=_watch, args=(changed, modified_times(), os.getppid()), daemon=True).start()
        try:
            Worker().work(lambda: not (changed.is_set() or stop.requested))
        except (Exception, SystemExit):
            log.exception("the worker waits until the code is fixed")
            changed.wait()
        if not stop.requested:
            os.execv(sys.executable, [sys.executable, "-m", "kit", "jobs", "worker", "--reload"])  # noqa: S606 - this program


def modified_times() -> dict[Path, int]:
    """When each source file was last changed, in nanoseconds."""
    times = {}
    for folder in ("app", "kit"):
        for file in (settings.PROJECT / folder).rglob("*.py"):
            with suppress(OSError):
                times[file] = file.stat().st_mtime_ns
    return times


def _watch(changed: threading.Event, before: dict[Path, int], parent: int) -> None:
    while True:
        time.sleep(POLL)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)
            return
        if modified_times() != before:
            changed.set()
            return
