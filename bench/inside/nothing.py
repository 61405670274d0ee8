"""A job that does nothing, so that all that is measured is what surrounds it."""

from kit.jobs import job


@job
def nothing(name: str, number: int) -> None:
    pass
