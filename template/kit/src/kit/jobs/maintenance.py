"""The kit's own job: it sends what was committed but not sent, and deletes old idempotency keys."""

from kit.jobs import idempotency, outbox
from kit.jobs.decorators import job, minutes
from kit.jobs.enqueue import configured_queues
from kit.jobs.schedules import schedule


@schedule("rate(5 minutes)", name="kit-sweep")
@job(attempts=1, max_runtime=minutes(1))
def sweep() -> None:
    """Send the outbox and prune the keys; what fails is done by the next run."""
    try:
        outbox.sweep(configured_queues())
    finally:  # prune the keys even if the outbox fails
        idempotency.prune()
