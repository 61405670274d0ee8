"""Checks a new project once: that it is rendered completely, and that it builds. Runs in the project's folder.

Copier's task calls it after `copy`, with the Python that Copier runs on, 3.10 or later. By hand:
`cd my-app && python /path/to/hooks/check.py`.
"""

import os
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import build
import render
from parent import interrupt_parent
from report import Failed, Report, Skipped

CHECKS = [*render.CHECKS, *build.CHECKS]


def main(arguments: list[str]) -> int:
    """Run the checks in order up to the first that fails; return the exit code."""
    if updated := os.environ.get(
        "UPDATE_AGAIN"
    ):  # this copy is only made to run the template's step: see kit/src/kit/update/
        import update

        return update.check_again(Path(updated))
    project = Path.cwd()
    report = Report(f"Checking {project.name}")
    try:
        for name, check in CHECKS:
            with suppress(Skipped):
                report.run(name, partial(check, project))
    except Failed as failure:
        report.explain(failure, project)
        if "--copier-cleans-up" in arguments:
            interrupt_parent()
        return 1
    except KeyboardInterrupt:
        report.stopped(project)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
