"""A real terminal for a program: its controlling terminal, with a size, keys and a cable that can be pulled."""

import os
import subprocess
import termios
from collections.abc import Mapping, Sequence

from pexpect import EOF, fdpexpect

CTRL_C, CTRL_D = "\x03", "\x04"


class Terminal(fdpexpect.fdspawn):  # type: ignore[misc, unused-ignore]
    """One of 80 columns and 24 lines. `expect` waits for what it shows; `before` is what came before that."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        ours, theirs = os.openpty()
        termios.tcsetwinsize(ours, (24, 80))
        # The program of util-linux makes it the controlling terminal; no fork of our own threads is needed.
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *command], stdin=theirs, stdout=theirs, stderr=theirs, env=environ
        )
        os.close(theirs)
        super().__init__(ours, encoding="utf-8", timeout=60)

    def resize(self, lines: int, columns: int) -> None:
        """Change the window, as a person drags it."""
        termios.tcsetwinsize(self.child_fd, (lines, columns))

    def ended(self) -> int:
        """The exit code of what ran in it; what it has shown since is in `before`."""
        self.expect(EOF)
        return self.process.wait(60)

    def pull(self) -> None:
        """Close the window: whoever runs in it gets SIGHUP."""
        os.close(self.child_fd)
        self.child_fd = -1
        self.closed = True

    def leave(self) -> None:
        """Let go of everything, whatever state it is in."""
        if self.child_fd >= 0:
            self.pull()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
