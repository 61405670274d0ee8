"""Migration steps: what a version changes in a project beyond merging files.

A step is a module beside this one, named for its version and what it does (`v1_2_0_rename_stage.py`), with two functions:

    def needed(project: Path) -> bool    # whether the project still needs it
    def run(project: Path) -> None       # does it; can be interrupted and run again; raises when it fails

No record is kept of what was run, so an interrupted update continues. A step needs a note in docs/upgrading.md.
"""

import importlib.util
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType


@dataclass(frozen=True)
class Result:
    """How a step ended: `problem` is empty when it was run."""

    name: str
    problem: str


def run(template: Path, project: Path, since: str) -> Iterator[Result]:
    """Run each step that the version `since` did not have and that is needed, in order, up to one that fails.

    Steps after it are returned as not run.
    """
    failed = ""
    for path in new(template, since):
        try:
            step = load(path)
            if not step.needed(project):
                continue
            if failed:
                yield Result(path.stem, f"not run, as {failed} comes first")
                continue
            step.run(project)
            yield Result(path.stem, "")
        except Exception as error:  # noqa: BLE001  (whatever a step raises is reported and stops nothing else)
            failed = path.stem
            yield Result(path.stem, f"failed: {error or type(error).__name__}")


def new(template: Path, since: str) -> list[Path]:
    """Return the steps that the version `since` did not have, by version."""
    call = ["git", "ls-tree", "-z", "--name-only", f"{since}:hooks/steps"]
    process = subprocess.run(call, cwd=template, capture_output=True, check=False)  # noqa: S603
    earlier = set() if process.returncode else set(process.stdout.decode().split("\0"))
    return [path for path in every(template) if path.name not in earlier]


def every(template: Path) -> list[Path]:
    """Return all steps, by version."""
    return sorted((template / "hooks" / "steps").glob("v*.py"), key=version)


def version(path: Path) -> tuple[int, ...]:
    """Return the version that a step's name begins with."""
    return tuple(map(int, re.findall(r"\d+", path.stem)[:3]))


def load(path: Path) -> ModuleType:
    """Import a step."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
