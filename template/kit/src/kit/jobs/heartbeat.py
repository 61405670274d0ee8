"""Call a function at regular intervals, in a thread, while a block runs: this is how a lease is kept."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger("kit.jobs")


@contextmanager
def beating(action: Callable[[], object], interval: float, failure: str) -> Iterator[Callable[[], None]]:
    """Call `action` every `interval` seconds while the block runs; yields a function that stops it earlier.

    An action that raises is retried at the next beat. `failure` is logged once per series of failures.
    """
    stopped = threading.Event()

    def beat() -> None:
        failing = False
        while not stopped.wait(interval):
            try:
                action()
            except Exception:
                if not failing:
                    log.warning("%s; retrying every %.3g s", failure, interval, exc_info=True)
                failing = True
            else:
                failing = False

    thread = threading.Thread(target=beat, daemon=True)

    def stop() -> None:
        stopped.set()
        thread.join()

    thread.start()
    try:
        yield stop
    finally:
        stop()
