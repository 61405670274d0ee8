"""The job of the model-based test: it does what its plan says, attempt by attempt, and then it succeeds."""

import os
import signal
from collections import defaultdict

from sample_jobs import effects, note

from kit.db import database
from kit.jobs import job

plans: dict[str, list[str]] = defaultdict(list)
"""What the next attempts of each job do; without a plan they succeed."""
dies = False
"""Whether this process is killed in the middle of a job's transaction."""


@job(attempts=3, backoff=[10, 60])
def perform(name: str, once: str | None = None) -> None:
    """Note the name; with a key, enqueue a job that follows in the same transaction."""
    plan = plans[name].pop(0) if plans[name] else "succeed"
    with database.session() as session:
        session.execute(effects.insert().values(name=f"key {once}" if once else name))
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)
    if once and not once.endswith("follows"):
        follow = f"{once} follows"
        perform.enqueue(follow, follow, idempotency_key=follow)
    if plan == "raise":
        raise ValueError(f"{name} failed")


@job(queue="modelled.fifo", attempts=3, backoff=[10, 60])
def perform_in_order(name: str) -> None:
    plan = plans[name].pop(0) if plans[name] else "succeed"
    if plan == "raise":
        raise ValueError(f"{name} failed")
    note(name)
