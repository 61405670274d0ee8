"""The packages of jobs import one another in one direction, and a job takes a short way into its queue."""

import ast
import sys
from contextlib import nullcontext
from graphlib import TopologicalSorter
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from sample_jobs import add
from stage import use

import kit.jobs
from kit.db import database
from kit.jobs.queues.base import Queues
from kit.jobs.queues.database import DatabaseQueues
from kit.jobs.queues.sqs import SqsQueues

FOLDER = Path(kit.jobs.__file__).parent
MAX_MODULES = 8


def modules() -> dict[str, Path]:
    names = {path: ".".join(path.relative_to(FOLDER.parents[1]).with_suffix("").parts) for path in FOLDER.rglob("*.py")}
    return {name.removesuffix(".__init__"): path for path, name in names.items()}


def imported_by(path: Path, known: set[str]) -> set[str]:
    """The modules of `kit.jobs` that a file imports anywhere, within functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name for name in names & known if name not in ("kit.jobs", "kit.jobs.queues", "kit.jobs.runners")}


def test_no_import_is_part_of_a_circle() -> None:
    files = modules()
    graph = {name: imported_by(path, set(files)) for name, path in files.items()}
    assert graph["kit.jobs.executor"] > {"kit.jobs.message", "kit.jobs.queues.base"}
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError
    assert order.index("kit.jobs.enqueue") < order.index("kit.jobs.decorators")


class Arrived(Exception):
    """The message is handed to the queue."""


@pytest.mark.parametrize("in_transaction", [False, True])
@pytest.mark.parametrize("queues", [DatabaseQueues, SqsQueues])
@pytest.mark.usefixtures("db")
def test_a_job_takes_a_short_way_into_its_queue(
    queues: type[Queues], in_transaction: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts the modules of the kit whose functions are called between `Job.enqueue` and the queue's `send`."""
    way: list[str] = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        module = frame.f_globals.get("__name__", "")
        if event == "call" and module.startswith("kit.") and way[-1:] != [module]:
            way.append(module)

    def arrive(*_: Any) -> None:
        sys.setprofile(None)
        raise Arrived

    use(monkeypatch, JOBS="sqs" if queues is SqsQueues else "local")
    monkeypatch.setattr(queues, "send", arrive)
    monkeypatch.setattr(queues, "send_after_commit", arrive)
    with pytest.raises(Arrived):
        add.enqueue("a")  # what is done once is done now
    way.clear()
    with pytest.raises(Arrived), database.session() if in_transaction else nullcontext():
        sys.setprofile(note)
        add.enqueue("a")
    assert (way[0], way[-1]) == ("kit.jobs.decorators", queues.__module__)
    assert len(way) <= MAX_MODULES
    assert len(set(way)) == len(way), "a module is entered again"
