"""Ends the copier or cookiecutter that runs a task or a hook, by an interrupt."""

import os
import signal


def interrupt_parent() -> None:
    """Interrupt the parent process, which then exits with a non-zero code, deletes nothing and prints no traceback.

    When a task or a hook fails, copier and cookiecutter delete the folder that they created, and with it the answers and
    the reason for the failure; cookiecutter prints a traceback below the hook's message. Where interrupts are ignored, as
    in a background job, SIGTERM does the same.
    """
    ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    os.kill(os.getppid(), signal.SIGTERM if ignored else signal.SIGINT)
