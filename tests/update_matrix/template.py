"""The repository of the template with its versions, and one more version that every scenario is updated to."""

from pathlib import Path

import history
import user_edits
from releases import commit

NEXT = "v1001.0.0"
"""What every scenario is updated to: this work tree, and a file, a folder, a rename, a note and a step more."""
NOTE, NEWS, STEP = "Rename the stage by hand.", "- Days of logs are kept.", "v1001_0_0_days"

STEP_TEXT = '''"""Write app/days.py, unless there is one."""

from pathlib import Path


def needed(project: Path) -> bool:
    return not (project / "app" / "days.py").exists()


def run(project: Path) -> None:
    if (project / "no-days").exists():
        raise RuntimeError("no-days is in the way")
    (project / "app" / "days.py").write_text("DAYS = 30\\n")
'''


def make_template(folder: Path, *, small: bool = False) -> Path:
    """Make the repository of the template, with all its versions; give its folder.

    small: with few of its files, of which each version has the same changes.
    """
    history.make(folder, small=small)
    template = folder / "template"
    (template / "LOGDAYS.txt").write_text("The days for which logs are kept.\n30\n")
    (template / "notes").mkdir()
    (template / "notes" / "README.md").write_text("# Notes\nWhat is kept.\n")
    policies = template / "infra" / "policies"
    (policies / "README.md").rename(policies / "GUIDE.md")
    (folder / "hooks" / "steps" / f"{STEP}.py").write_text(STEP_TEXT)
    user_edits.change(folder / "docs" / "upgrading.md", user_edits.adds(f"\n### 1001.0.0 (2030-01-01)\n{NOTE}\n"))
    user_edits.change(folder / "CHANGELOG.md", user_edits.adds(f"{NEWS}\n", after="## Unreleased"))
    commit(folder, NEXT)
    return folder
