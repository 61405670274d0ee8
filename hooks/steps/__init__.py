"""Steps: changes that a version makes to a project beyond merging files.

A step is a module beside this one, named for its version and what it does (`v1_2_0_rename_stage.py`), with two functions:

    def needed(project: Path) -> bool    # whether the project still needs it
    def run(project: Path) -> None       # makes the change; must be safe to repeat after an interruption

So there is no record of steps that were run, and an interrupted update can go on. A step needs a note in
docs/upgrading.md.
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
    """The result of a step: `problem` is empty if it succeeded."""

    name: str
    problem: str


def run(template: Path, project: Path, since: str) -> Iterator[Result]:
    """Run each step that the version `since` did not have and that is needed, in order, up to one that fails.

    Those after it are results, too, as they were not run.
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
        except Exception as error:  # noqa: BLE001  (whatever a step raises is reported, and ends nothing else)
            failed = path.stem
            yield Result(path.stem, f"failed: {error or type(error).__name__}")


def new(template: Path, since: str) -> list[Path]:
    """Return the steps that the version `since` did not have, by version."""
    call = ["git", "ls-tree", "-z", "--name-only", f"{since}:hooks/steps"]
    done = subprocess.run(call, cwd=template, capture_output=True, check=False)  # noqa: S603
    earlier = set() if done.returncode else set(done.stdout.decode().split("\0"))
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
