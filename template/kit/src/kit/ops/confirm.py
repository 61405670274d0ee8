"""Asking a person before something is done that costs, or cannot be undone."""

import sys

from kit.errors import UsageError


def ask(question: str, *, yes: bool, otherwise: str) -> None:
    """Ask for a yes; raises `UsageError` on a no, and where nobody can be asked: then `otherwise` says what to do."""
    if yes:
        return
    _require_terminal(otherwise)
    if _answer(f"{question} [y/N] ").lower() not in {"y", "yes"}:
        raise UsageError("Nothing was done.")


def ask_for_name(name: str, *, given: str, otherwise: str) -> None:
    """Ask for the name of what will be gone; raises `UsageError` on another, and where nobody can be asked."""
    if not given:
        _require_terminal(otherwise)
        given = _answer(f"Type {name} to go on: ")
    if given != name:
        raise UsageError(f"That is not {name}, so nothing was done.")


def _require_terminal(otherwise: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError(f"Nobody can be asked here, so nothing was done. {otherwise}")


def _answer(question: str) -> str:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()
