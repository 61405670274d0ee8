"""Importing every job: the app's and the kit's own."""

from importlib import import_module

from kit import references
from kit.jobs import maintenance as _maintenance  # noqa: F401 - declares the kit's own job
from kit.jobs import registry, serialization
from kit.jobs.spec import JobSpec


def load() -> dict[str, JobSpec]:
    """Import all jobs and check them as far as is possible without running them; returns them by name."""
    import_module(references.JOBS)
    for job in registry.jobs.values():
        serialization.types(job)
    return registry.jobs
