"""Read a repository's settings on GitHub with its own command line, `gh`, which has the user's login."""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

from kit.errors import UsageError
from kit.ops.stage import PROJECT


@dataclass(frozen=True)
class Refused:
    """An answer that is an error: there is no such thing, or this plan or this login doesn't have it."""

    status: int
    message: str

    @property
    def needs_plan(self) -> bool:
        """Whether only a paid plan has the feature in a private repository."""
        return self.status == 403 and "Upgrade to GitHub" in self.message


def require() -> None:
    """Raise `UsageError` if `gh` is not installed."""
    if not shutil.which("gh"):
        raise UsageError(
            "GitHub's command line, gh, is not installed. Install it: https://cli.github.com, then: gh auth login"
        )


def get(path: str) -> Any:
    """Return the JSON of a path below `/repos/{owner}/{repo}`; a `Refused` for status 403, 404 or 422.

    Raises `UsageError`, with gh's own words, for anything else: no login, no repository, no network.
    """
    command = ["gh", "api", f"repos/{{owner}}/{{repo}}{path}"]  # gh fills in both from the clone's remote
    process = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)  # noqa: S603
    if process.returncode == 0:
        return json.loads(process.stdout)
    status = re.search(r"\(HTTP (\d{3})\)", process.stderr)
    if status and status[1] in {"403", "404", "422"}:
        return Refused(int(status[1]), process.stderr.strip())
    raise UsageError(f"gh api failed: {process.stderr.strip()[-2000:]}")
