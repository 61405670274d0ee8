"""What it takes to make a project and to update one, beside other templates.

Other templates are clones that BENCH_TEMPLATES names, with spaces between: none is fetched, and none is kept here.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rendering import ROOT


@dataclass(frozen=True)
class Generation:
    """Seconds, the least of a few."""

    template: str
    files: int
    render: float
    update: float
    checked: float | None = None
    """A copy with all that the template checks or sets up by itself, which is measured of ours alone."""


def run(folder: Path, *, times: int, checks: bool) -> list[Generation]:
    """Measure this template, and those of BENCH_TEMPLATES."""
    others = [Path(name).resolve() for name in os.environ.get("BENCH_TEMPLATES", "").split()]
    measurements = []
    for number, template in enumerate([ROOT, *others]):
        home = folder / str(number)
        home.mkdir(parents=True)
        try:
            measurements.append(_measure(template, home, times, checks=checks and template == ROOT))
        except subprocess.CalledProcessError as error:
            if template == ROOT:
                raise
            why = error.stderr.strip().splitlines()[-1:]
            print(f"not measured: {template}: {why}", file=sys.stderr)
    return measurements


def _measure(template: Path, home: Path, times: int, *, checks: bool) -> Generation:
    clone = home / "template"
    _call(["git", "clone", "--quiet", str(template), str(clone)], home)
    _call(["git", "tag", "--force", "bench", "HEAD"], clone)
    before = _call(["git", "rev-parse", "HEAD~1"], clone).strip()
    renders, updates = [], []
    for number in range(times):
        project = home / f"project-{number}"
        renders.append(
            _copier("copy", str(clone), str(project), "--defaults", *_ANSWERS, "--vcs-ref", before, cwd=home)
        )
        identity = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"]
        _call(["git", "init", "--quiet"], project)
        _call(["git", "add", "--all"], project)
        _call(["git", *identity, "commit", "--quiet", "--no-verify", "--message", "as rendered"], project)
        updates.append(_copier("update", "--defaults", "--vcs-ref", "HEAD", cwd=project))
    project = home / "project-0"
    files = sum(file.is_file() for file in project.rglob("*") if ".git" not in file.relative_to(project).parts)
    checked = None
    if checks:
        checked = _copier("copy", str(clone), str(home / "checked"), "--defaults", cwd=home, tasks=True)
    name = template.parent.name if template.name == "repo" else template.name
    return Generation(
        "this template" if template == ROOT else name.replace("+", "/"), files, min(renders), min(updates), checked
    )


_ANSWERS = [
    *("--data", "project_name=my-app", "--data", "project_description=Something to try"),
    *("--data", "project_url=https://example.com/me/my-app", "--data", "author_name=Me"),
    *("--data", "author_email=me@example.com"),
]
"""Answers that other templates require; ours has defaults."""


def _copier(*arguments: str, cwd: Path, tasks: bool = False) -> float:
    command = [sys.executable, "-m", "copier", arguments[0], "--quiet", "--trust", *arguments[1:]] + (
        [] if tasks else ["--skip-tasks"]
    )
    begun = time.perf_counter()
    _call(command, cwd)
    return time.perf_counter() - begun


def _call(command: list[str], cwd: Path) -> str:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True).stdout
