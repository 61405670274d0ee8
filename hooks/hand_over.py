# /// script
# requires-python = ">=3.11"
# dependencies = ["copier>=9.19"]
# ///
"""Cookiecutter support, second half: generates the project with copier from cookiecutter's answers.

Runs in the project's folder, with the template's address, its version, the answers and whether to run the checks as
JSON. uv and pipx read the lines above.
"""

import json
import sys
from pathlib import Path

import copier

import version as version_of

sys.path.append(str(Path(__file__).resolve().parent.parent / "template" / "kit" / "src"))

from kit.update.command import explained
from kit.update.project import Refused


def main(source: str, version: str | None, answers: dict[str, str], checks: bool) -> None:
    """Generate the project; exit with a message if that fails."""
    try:
        with explained(source, version):
            copier.run_copy(
                source,
                Path.cwd(),
                answers,
                vcs_ref=version,
                defaults=True,
                unsafe=True,
                cleanup_on_error=False,
                skip_tasks=not checks,
            )
    except Refused as reason:
        sys.exit(reason.problem)
    if not checks and "; " in (recorded := version_of.record(Path.cwd())):
        print(f"Recorded as the version: {recorded}.", file=sys.stderr)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
