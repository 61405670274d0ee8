"""Prints checks: an aligned line each with its time, in colour on a terminal, and progress when one is slow."""

import os
import re
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

SLOW = 2.0
"""Seconds after which a check says that it is still running."""

GREEN, YELLOW, RED = 32, 33, 31

OFFLINE = re.compile(
    r"dns error|no such host|name resolution|name or service not known|client error \(connect\)|network is unreachable"
    r"|connection refused|i/o timeout|handshake timeout|timed out|failed to resolve source metadata|proxy",
    re.IGNORECASE,
)
"""Messages of tools that have no network."""


class Skipped(Exception):
    """The check cannot run here; the message says why and what would enable it."""


class Failed(Exception):
    """The check failed.

    `output` is what the tool printed, `again` the command that repeats the check.
    """

    def __init__(self, problem: str, *, output: str = "", again: str = "make check") -> None:
        super().__init__(problem)
        self.output = output
        self.again = again


class Report:
    """Prints the checks as they run."""

    def __init__(self, title: str) -> None:
        self.terminal = sys.stderr.isatty() and "NO_COLOR" not in os.environ
        print(f"\n{title}", file=sys.stderr)

    def run(self, name: str, check: Callable[[], str]) -> None:
        """Run one check and print its line; raises the check's `Failed` or `Skipped`."""
        started = time.perf_counter()

        def line(word: str, detail: str, colour: int) -> None:
            self._line(word, name, f"{time.perf_counter() - started:.1f} s", detail, colour)

        try:
            with self._progress(name, started):
                detail = check()
        except Skipped as reason:
            line("skip", str(reason), YELLOW)
            raise
        except Failed as failure:
            line("FAIL", str(failure), RED)
            raise
        else:
            line("ok", detail, GREEN)

    @contextmanager
    def _progress(self, name: str, started: float) -> Iterator[None]:
        finished = threading.Event()

        def show() -> None:
            if finished.wait(SLOW):
                return
            if not self.terminal:
                return self._line("...", name, "", "", YELLOW)
            while not finished.wait(0.2):
                print(
                    f"\r  {'...':<5} {name:<24}{time.perf_counter() - started:7.1f} s",
                    end="",
                    file=sys.stderr,
                    flush=True,
                )
            print("\r\033[K", end="", file=sys.stderr)

        watcher = threading.Thread(target=show, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            finished.set()
            watcher.join()

    def _line(self, word: str, name: str, duration: str, detail: str, colour: int) -> None:
        shown = f"\033[{colour}m{word:<5}\033[0m" if self.terminal else f"{word:<5}"
        print(f"  {shown} {name:<24}{duration:>9}  {detail}".rstrip(), file=sys.stderr, flush=True)

    def explain(self, failure: Failed, project: Path) -> None:
        """Print a failure's output and how to continue."""
        output = "\n".join(f"    {line}" for line in failure.output.strip().splitlines()[-40:])
        print(f"\n{output}\n" if output else "", file=sys.stderr)
        print(
            f"The project is kept. Run this check again:\n\n    cd {shlex.quote(str(project))} && {failure.again}\n",
            file=sys.stderr,
        )

    def stopped(self, project: Path) -> None:
        """Print what to do after Ctrl-C."""
        print(
            f"\n\nStopped. The project is kept; check it with:\n\n    cd {shlex.quote(str(project))} && make check\n",
            file=sys.stderr,
        )


def command(
    arguments: Sequence[str], project: Path, *, environ: Mapping[str, str] | None = None, timeout: float | None = None
) -> tuple[int, str]:
    """Run a program in the project for at most `timeout` seconds; return its exit code and its output."""
    process = subprocess.run(  # noqa: S603
        arguments,
        cwd=project,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=timeout,
        check=False,
    )
    return process.returncode, process.stdout
