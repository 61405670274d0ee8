"""Calls the user's own.py; what is wrong there is reported in one sentence."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .stack import AppStack

FILE = Path(__file__).resolve().parent.parent / "own.py"


class OwnError(Exception):
    """The user's own.py failed; the message says where and why."""


def add_own(stack: AppStack) -> None:
    """Let own.py add its part. Raises `OwnError`."""
    if not FILE.is_file():
        raise OwnError("infra/cdk/own.py is missing. Restore it, or write one with: def add(stack): pass")
    try:
        import own
    except Exception as error:
        raise OwnError(f"infra/cdk/own.py{_line(error)}: {error}") from error
    if not callable(getattr(own, "add", None)):
        raise OwnError("infra/cdk/own.py has no function add. Write one: def add(stack: AppStack) -> None")
    try:
        own.add(stack)
    except Exception as error:
        raise OwnError(f"infra/cdk/own.py{_line(error)}: {type(error).__name__}: {error}") from error


def _line(error: Exception) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == FILE]
    return f", line {lines[-1]}" if lines else ""
