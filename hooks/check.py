"""Checks a new project once: that everything rendered, and that it builds. Runs in the project's folder.

Copier's task calls it after `copy`. By hand: `cd my-app && python /path/to/hooks/check.py`.
"""

import os
import signal
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036  (whatever Python copier was installed with)
    sys.exit(
        f"Python 3.11 or later is needed, and copier runs on {sys.version.split()[0]}. Install copier with a newer one."
    )

import build
import render
from report import Failed, Report, Skipped

CHECKS = [*render.CHECKS, *build.CHECKS]


def main(arguments: list[str]) -> int:
    """Run the checks in order up to the first that fails; give the exit code."""
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
        if "--copier-cleans-up" in arguments and os.name == "posix":
            keep_what_was_made()
        return 1
    except KeyboardInterrupt:
        report.stopped(project)
        return 130
    return 0


def keep_what_was_made() -> None:
    """End copier, or cookiecutter, so that it leaves the project's folder alone.

    Both delete the folder that they have made when a task or a hook fails, and with it the answers and the
    reason for the failure. An interrupt makes them stop, non-zero all the same, without deleting anything.
    Where interrupts are ignored, as in a background job (we have inherited it), only termination does that.
    """
    ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    os.kill(os.getppid(), signal.SIGTERM if ignored else signal.SIGINT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
