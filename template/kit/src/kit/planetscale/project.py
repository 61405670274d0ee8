"""Which organization and database the project belongs to: `.pscale.yml`, which pscale reads too.

Its `branch` is not read: `pscale branch switch` writes whichever branch one is working on into it, so it does not say
which branch is production (planetscale/cli, internal/cmd/branch/switch.go). See `kit.planetscale.production`.
"""

from dataclasses import dataclass
from pathlib import Path

from kit.errors import UsageError


@dataclass(frozen=True)
class Project:
    """A database of an organization."""

    organization: str
    database: str

    def __str__(self) -> str:
        return f"{self.organization}/{self.database}"


def read(folder: Path) -> Project:
    """Read `.pscale.yml`: lines of `key: value`; raises `UsageError` when one that is needed is missing."""
    file = folder / ".pscale.yml"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    pairs = (line.partition("#")[0].partition(":") for line in lines)
    values = {key.strip(): value.strip().strip("'\"") for key, _, value in pairs if key.strip()}
    for key in ("org", "database"):
        if not values.get(key):
            raise UsageError(f"{file} does not name the {key}. It is a line such as  {key}: my-app")
    return Project(values["org"], values["database"])
