"""The kit's own job: sends what was committed and not sent, and forgets old keys."""

from kit.jobs.decorators import job, minutes
from kit.jobs.schedules import schedule


@schedule("rate(5 minutes)", name="kit-sweep")
@job(attempts=1, max_runtime=minutes(1))
def sweep() -> None:
    """Repair and clean; what is left over is done the next time."""
    from kit.jobs import idempotency, outbox
    from kit.jobs.enqueue import queues

    try:
        outbox.sweep(queues())
    finally:  # keys are pruned whatever becomes of the outbox
        idempotency.prune()
