"""Whether a worker finds a job: a fresh process that imports the module of the jobs, and nothing else, must know it.

In a process that has imported more (the web app, a test) a job can be known that no worker ever finds.
"""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kit import references, settings
from kit.jobs.decorators import Job, JobError

TIMEOUT = 60
"""Seconds that a fresh process has to import the jobs."""

_CODE = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from kit import references
references.JOBS = sys.argv[2]
from kit.jobs import decorators
print(json.dumps(sorted(decorators.load())))
"""


def check(job: Job[Any, Any]) -> None:
    """Raise `JobError` for a job that no worker finds.

    Asked of a fresh process once for each job outside the jobs' own module, on a laptop and in tests (JOBS=local and
    inline). In the cloud nothing is asked: `python -m kit jobs manifest --check` has found it before the deployment.
    """
    if settings.current().jobs != "sqs" and not is_findable(job):
        raise JobError(_problem(job.name, job.function.__module__))
    job.findable = True


def is_findable(job: Job[Any, Any]) -> bool:
    """Whether a worker knows the job; True as well when no process can be started to find out."""
    module = job.function.__module__
    if module == references.JOBS or module.startswith("kit."):
        return True
    names = worker_jobs(references.JOBS)
    return names is None or job.name in names


@cache
def worker_jobs(module: str) -> frozenset[str] | None:
    """The names of all jobs that a fresh worker knows; None when it cannot be found out.

    Raises `JobError` when the jobs' module cannot be imported, so that no worker starts at all.
    """
    if not sys.executable:
        return None
    command = [sys.executable, "-c", _CODE, json.dumps(sys.path), module]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no error was printed"])[-1]
        raise JobError(f"No worker starts, because {module} cannot be imported on its own: {why}")
    return frozenset(json.loads(done.stdout.splitlines()[-1]))


def unfindable() -> list[str]:
    """A sentence for each job of the app that no worker finds, whether or not this process has imported it."""
    from kit.jobs import decorators

    modules = {name: job.function.__module__ for name, job in decorators.load().items()} | dict(declared_in_files())
    elsewhere = {name: module for name, module in modules.items() if not _is_at_home(module)}
    known = worker_jobs(references.JOBS) if elsewhere else None
    return [_problem(name, module) for name, module in sorted(elsewhere.items()) if known and name not in known]


def _is_at_home(module: str) -> bool:
    return module == references.JOBS or module.startswith("kit.")


def _problem(name: str, module: str) -> str:
    return (
        f"No worker finds the job {name}, because {references.JOBS} does not import {module}. "
        f"Add `import {module}` to {references.JOBS}, or move the job there."
    )


def declared_in_files() -> Iterator[tuple[str, str]]:
    """Each function below `@job` in the app's files, and its module, found by reading and without running them."""
    package = references.JOBS.partition(".")[0]
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted(Path(folder).rglob("*.py")):
            parts = (package, *path.relative_to(folder).with_suffix("").parts)
            module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            for name in _declared(path):
                yield f"{module}.{name}", module


def _declared(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return  # a file that cannot be read declares nothing; whoever imports it hears of it
    decorators = set(_names_of_job(tree))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            called = [one.func if isinstance(one, ast.Call) else one for one in node.decorator_list]
            if decorators & {ast.unparse(one) for one in called}:
                yield node.name


def _names_of_job(tree: ast.Module) -> Iterator[str]:
    """What `kit.jobs.job` is called in a file, by its imports."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                name = alias.asname or alias.name
                if (node.module, alias.name) == ("kit.jobs", "job"):
                    yield name
                elif (node.module, alias.name) == ("kit", "jobs"):
                    yield f"{name}.job"
        elif isinstance(node, ast.Import):
            yield from (f"{alias.asname or alias.name}.job" for alias in node.names if alias.name == "kit.jobs")
