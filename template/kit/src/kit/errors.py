"""Errors that are the person's to mend: the command line prints them as a sentence, without a traceback."""

__all__ = ["UsageError"]


class UsageError(Exception):
    """Something was asked for that cannot be done; the message says what to do instead."""
