"""What GitHub knows of this repository, asked with its own `gh`, which reads the login or GH_TOKEN.

`gh` finds the repository by the clone's remote, so the same works on a laptop, in a workflow and on GitHub Enterprise.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kit.errors import UsageError
from kit.ops.stage import PROJECT


@dataclass(frozen=True)
class PullRequest:
    """A pull request, open or closed."""

    number: int
    closed_at: datetime | None
    """When it was merged or closed without that; None while it is open."""


def runs_here() -> bool:
    """Whether this is a job of GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def set_output(name: str, value: str) -> None:
    """Make a value an output of the step that runs this; outside of GitHub Actions, do nothing."""
    if file := os.environ.get("GITHUB_OUTPUT"):
        with open(file, "a", encoding="utf-8") as outputs:
            print(f"{name}={value}", file=outputs)


def tip(branch: str) -> str:
    """The hash of a branch's newest commit; raises `UsageError` if GitHub can't be asked, or has no such branch."""
    commit = _get(f"commits/{branch}")
    if commit is None:
        raise UsageError(f"GitHub has no branch {branch}.")
    return str(commit["sha"])


def pull_request(number: int) -> PullRequest | None:
    """A pull request; None if there is none with this number. Raises `UsageError` if GitHub can't be asked."""
    pull = _get(f"pulls/{number}")
    if pull is None:
        return None
    closed_at = pull["closed_at"]
    return PullRequest(number, datetime.fromisoformat(closed_at) if closed_at else None)


def _get(path: str) -> Any:
    """What the REST API has at a path below the repository; None if that is nothing."""
    command = ["gh", "api", f"repos/{{owner}}/{{repo}}/{path}"]
    try:
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:
        raise UsageError(
            "This asks GitHub, with gh, which is not installed. Install it: https://cli.github.com"
        ) from None
    if done.returncode == 0:
        return json.loads(done.stdout)
    if "(HTTP 404)" in done.stderr or "(HTTP 422)" in done.stderr:  # 422 for a commit that there is not
        return None
    raise UsageError(f"Can't ask GitHub for {path}: {done.stderr.strip()}")
