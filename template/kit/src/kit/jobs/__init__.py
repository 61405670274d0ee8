"""Jobs: work that is handed off, run later, retried, and never lost.

    from kit.jobs import hours, job, schedule

    @job(attempts=8)
    def welcome(user_id: int) -> None: ...

    @job(max_runtime=hours(3))
    def rebuild_index() -> None: ...

    @schedule("cron(0 3 * * ? *)", timezone="Asia/Tokyo")
    @job
    def tidy() -> None: ...

    welcome.enqueue(42)

declare     what a job is, and the list of all
discovery   whether a worker finds a job
schedules   when a job starts by itself
cron        the expressions of AWS's Scheduler
arguments   how arguments travel
backoff     how long to wait before a job is tried again
message     what stands in a queue
enqueue     the way into a queue, after the transaction's commit
outbox      what is committed and not yet sent
run         one delivery of a message: run, retried, or buried with its reason
batch       a batch of SQS on Lambda
limit       ending a job that takes too long
keys        a job with a key has its effect once
overlap     runs of a schedule do not overlap
local       the queue in the app's own database
sqs         the queues of AWS
fargate     jobs too long for Lambda
worker      the local worker
reload      the worker as a process
sweep       the kit's own schedule: repairs and cleans
metrics     counts and durations, for CloudWatch
manifest    what the infrastructure is told
tables      the kit's own tables
"""

from kit.jobs.backoff import exponential, fixed
from kit.jobs.decorators import Job, JobError, days, hours, job, minutes, seconds
from kit.jobs.schedules import schedule

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
