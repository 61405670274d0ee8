"""Errors that the user can fix: the command line prints their message without a traceback."""

__all__ = ["UsageError"]


class UsageError(Exception):
    """A command or a setting is wrong. The message says how to fix it."""
