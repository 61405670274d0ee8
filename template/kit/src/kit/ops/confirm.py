"""Ask for confirmation before a command costs money or deletes something."""

import sys

from kit.errors import UsageError


def ask(question: str, *, yes: bool, hint: str) -> None:
    """Ask a yes-or-no question, unless `yes` is set.

    Raises `UsageError` for any answer but yes, and without a terminal; the error then ends with `hint`.
    """
    if yes:
        return
    _require_terminal(hint)
    if _read_answer(f"{question} [y/N] ").lower() not in {"y", "yes"}:
        raise UsageError("Cancelled. Nothing changed.")


def ask_for_name(name: str, *, typed: str, hint: str) -> None:
    """Have the user type the name of what is to be deleted, unless they have `typed` it already.

    Raises `UsageError` for another name, and without a terminal; the error then ends with `hint`.
    """
    if not typed:
        _require_terminal(hint)
        typed = _read_answer(f"Type {name} to confirm: ")
    if typed != name:
        raise UsageError(f"{typed!r} is not {name}. Nothing changed.")


def _require_terminal(hint: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError(f"Not a terminal, so I can't ask for confirmation. Nothing changed. {hint}")


def _read_answer(prompt: str) -> str:
    print(prompt, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()
