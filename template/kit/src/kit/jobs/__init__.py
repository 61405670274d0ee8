"""Jobs: work that is enqueued, run later, retried, and never lost. See kit/docs/jobs.md.

    from kit.jobs import hours, job, on, schedule

    @job(attempts=8)
    def welcome(user_id: int) -> None: ...

    @job(max_runtime=hours(3))
    def rebuild_index() -> None: ...

    @schedule("cron(0 3 * * ? *)", timezone="Asia/Tokyo")
    @job
    def tidy() -> None: ...

    @on.s3("uploads")
    @job
    def make_thumbnail(upload: dict[str, Any]) -> None: ...

    welcome.enqueue(42)

Each module imports only from those above it:

spec, registry   what a job is, and every job and schedule that was imported
backoff          how long to wait before a job is retried
message, ticks   what is in a queue: a job's message, or the tick of a schedule
serialization    arguments as JSON
incoming         reads a queue: messages, ticks, and events of AWS
metrics          counts and durations, for CloudWatch
tables           the kit's own tables
timeouts         stopping a job that takes too long
idempotency      a job with a key has its effect once
locks            runs of a schedule do not overlap
outbox           what is committed and not yet sent
queues           in the app's database, in SQS, or none (inline)
discovery        whether a worker finds a job
enqueue          from a call to a queue
decorators       @job
schedules, cron  @schedule, and the expressions of EventBridge Scheduler
on, patterns     @on…: events of AWS that start jobs, and the patterns of EventBridge
streams, events  enqueue the records of DynamoDB streams; and any event, on a laptop and in tests
maintenance      the kit's own job: sends the outbox, prunes keys
loading          importing every job
executor         one delivery: run, retried, or sent to the dead-letter queue
runners          Lambda, Fargate, and the local worker
manifest         jobs.json, for the infrastructure
autoreload       the local worker as a process
"""

from kit.jobs.backoff import exponential, fixed
from kit.jobs.decorators import Job, days, hours, job, minutes, seconds
from kit.jobs.schedules import schedule
from kit.jobs.spec import JobError

__all__ = [
    "Job",
    "JobError",
    "days",
    "exponential",
    "fixed",
    "hours",
    "job",
    "minutes",
    "schedule",
    "seconds",
]
