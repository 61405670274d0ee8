"""Whether a worker finds a job: a new process that imports only the jobs module must know it.

A process that has imported more (the web app, a test) can know a job that no worker ever finds.
"""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from kit import references, settings
from kit.jobs.spec import JobError, JobSpec

TIMEOUT = 60
"""Seconds for a new process to import the jobs."""

_CODE = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from kit import references
references.JOBS = sys.argv[2]
from kit.jobs import loading
print(json.dumps(sorted(loading.load())))
"""


def check(job: JobSpec) -> None:
    """Raise `JobError` for a job that no worker finds.

    On a laptop and in tests (JOBS=local and inline) a new process is started to find out, once for each job outside the
    jobs module. In the cloud nothing is checked: `python -m kit jobs manifest --check` did that before the deployment.
    """
    if settings.current().jobs != "sqs" and not is_findable(job):
        raise JobError(_problem(job.name, job.function.__module__))
    job.findable = True


def is_findable(job: JobSpec) -> bool:
    """Whether a worker knows the job; also True if no process can be started to find out."""
    if _is_in_jobs_module(job.function.__module__):
        return True
    names = worker_jobs(references.JOBS)
    return names is None or job.name in names


@cache
def worker_jobs(module: str) -> frozenset[str] | None:
    """The names of all jobs that a new worker knows; None if that cannot be determined.

    Raises `JobError` if the jobs module cannot be imported, so that no worker starts at all.
    """
    if not sys.executable:
        return None
    command = [sys.executable, "-c", _CODE, json.dumps(sys.path), module]
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    if process.returncode:
        why = (process.stderr.strip().splitlines() or ["no error was printed"])[-1]
        raise JobError(f"No worker can start, because {module} cannot be imported on its own: {why}")
    return frozenset(json.loads(process.stdout.splitlines()[-1]))


def unfindable(jobs: Mapping[str, JobSpec]) -> list[str]:
    """A sentence for each job that no worker finds, among `jobs` and those in app files that were not imported."""
    modules = {name: job.function.__module__ for name, job in jobs.items()} | dict(declared_in_files())
    elsewhere = {name: module for name, module in modules.items() if not _is_in_jobs_module(module)}
    known = worker_jobs(references.JOBS) if elsewhere else None
    return [_problem(name, module) for name, module in sorted(elsewhere.items()) if known and name not in known]


def _is_in_jobs_module(module: str) -> bool:
    return module == references.JOBS or module.startswith("kit.")


def _problem(name: str, module: str) -> str:
    return (
        f"No worker finds the job {name}, because {references.JOBS} does not import {module}. "
        f"Add `import {module}` to {references.JOBS}, or move the job there."
    )


def declared_in_files() -> Iterator[tuple[str, str]]:
    """Each function decorated with `@job` in the app's files, and its module, found without running them."""
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
        return  # whoever imports the file sees the error
    names = set(_names_of_job(tree))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = [item.func if isinstance(item, ast.Call) else item for item in node.decorator_list]
            if names & {ast.unparse(decorator) for decorator in decorators}:
                yield node.name


def _names_of_job(tree: ast.Module) -> Iterator[str]:
    """The names by which a file refers to `kit.jobs.job`, according to its imports."""
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
