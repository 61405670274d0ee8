"""A pseudo-terminal as a program's controlling terminal."""

import os
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence

from pexpect import EOF, fdpexpect

CTRL_C, CTRL_D = "\x03", "\x04"
TAKE_TERMINAL = """\
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Makes standard input the controlling terminal, as `setsid --ctty` does, which only Linux has."""


class Terminal(fdpexpect.fdspawn):  # type: ignore[misc, unused-ignore]
    """A terminal of 80 columns and 24 lines. `expect` waits for output; `before` is the output before that."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        ours, theirs = os.openpty()
        termios.tcsetwinsize(ours, (24, 80))
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, *command], stdin=theirs, stdout=theirs, stderr=theirs, env=environ
        )
        os.close(theirs)
        super().__init__(ours, encoding="utf-8", timeout=60, use_poll=True)  # select() takes no descriptor above 1023

    def resize(self, lines: int, columns: int) -> None:
        """Resize the window."""
        termios.tcsetwinsize(self.child_fd, (lines, columns))

    def ended(self) -> int:
        """Wait for the program's exit code; its last output is in `before`."""
        self.expect(EOF)
        return self.process.wait(60)

    def pull(self) -> None:
        """Close the window, which sends SIGHUP."""
        os.close(self.child_fd)
        self.child_fd = -1
        self.closed = True

    def leave(self) -> None:
        """Close it in any state."""
        if self.child_fd >= 0:
            self.pull()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
