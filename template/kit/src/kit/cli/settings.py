"""`python -m kit settings`: check the stages' settings files against what app/settings.py declares."""

import argparse
import difflib
from pathlib import Path
from typing import Any

from kit.errors import UsageError


def register(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser("settings", help="check the settings files of the stages")
    command.set_defaults(run=run)


def run(_: argparse.Namespace) -> None:
    """Raise `UsageError` with a line for each problem: its file, and what to write instead."""
    from kit import settings, stage_file

    problems = []
    declared = _declared()
    folder = settings.PROJECT / stage_file.FOLDER
    for file in sorted(folder.glob("*.env")):
        problems += _check(file, f"{stage_file.FOLDER}/{file.name}", declared)
    example = settings.PROJECT / ".env.example"
    problems += [
        f".env.example: {name} is a secret, and this file is committed. Leave its value out, and write it into .env."
        for name, value in stage_file.parse(example).items()
        if value and name in declared and declared[name].is_secret
    ]
    if problems:
        raise UsageError("\n".join(problems))


def _check(file: Path, shown: str, declared: dict[str, Any]) -> list[str]:
    from kit import stage_file

    problems = []
    for name, text in stage_file.read(file).items():
        if (setting := declared.get(name)) is None:
            close = difflib.get_close_matches(name, declared, 1)
            hint = f"Did you mean {close[0]}?" if close else "Declare it, or delete the line."
            problems.append(f"{shown}: app/settings.py declares no setting {name}. {hint}")
        elif setting.is_secret:
            command = "make secret" if name == "DATABASE_URL" else f"make secret NAME={name}"
            problems.append(
                f"{shown}: {name} is a secret, and this file is committed. Delete the line, and store it: "
                f"{command} STAGE={file.stem}"
            )
        else:
            try:
                setting.value(text)
            except ValueError as error:
                problems.append(f"{shown}: {name}: {error} ({setting.help})")
    return problems


def _declared() -> dict[str, Any]:
    from kit import settings

    app = settings.of_app()
    return {
        each.variable: each for each in (*settings.Settings.declared.values(), *(app.declared.values() if app else ()))
    }
