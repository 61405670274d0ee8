"""Which organization, database and branch the project belongs to: `.pscale.yml`, which pscale reads too."""

from dataclasses import dataclass
from pathlib import Path

from kit.errors import UsageError


@dataclass(frozen=True)
class Project:
    """A database of an organization, and its production branch."""

    organization: str
    database: str
    branch: str = "main"

    def __str__(self) -> str:
        return f"{self.organization}/{self.database}"


def read(folder: Path) -> Project:
    """Read `.pscale.yml`: three lines of `key: value`; raises `UsageError` when one that is needed is missing."""
    file = folder / ".pscale.yml"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    pairs = (line.partition("#")[0].partition(":") for line in lines)
    found = {key.strip(): value.strip().strip("'\"") for key, _, value in pairs if key.strip()}
    for key in ("org", "database"):
        if not found.get(key):
            raise UsageError(f"{file} does not name the {key}. It is a line such as  {key}: my-app")
    return Project(found["org"], found["database"], found.get("branch") or "main")
