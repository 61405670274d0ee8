"""JOBS=inline: jobs run where they are enqueued."""

import logging

from sqlalchemy.orm import Session

from kit import logs
from kit.db import transactions
from kit.jobs import idempotency, registry, serialization, timeouts
from kit.jobs.message import Message, describe
from kit.jobs.queues.database import DatabaseQueues
from kit.jobs.timeouts import OutOfTime

log = logging.getLogger("kit.jobs")


class InlineError(RuntimeError):
    """A job that ran where it was enqueued did not succeed."""


class InlineQueues(DatabaseQueues):
    """Runs each job instead of sending it: once, without its delay; its errors are raised."""

    def send(self, messages: list[Message], delay: float = 0) -> None:
        for message in messages:
            _run(Message.from_json(message.to_json()))  # what can't be serialized must fail here too

    def send_after_commit(self, session: Session, messages: list[Message], delay: float) -> None:
        transactions.after_commit(lambda: self.send(messages))


def _run(message: Message) -> None:
    job = registry.jobs[message.job]
    values = serialization.decode(job, message.arguments)
    token = logs.job_id.set(message.id)
    try:
        with idempotency.once_if(job.name, message.idempotency_key):
            timeouts.call(job.function, values, job.options.max_runtime)
    except idempotency.AlreadyDone:
        log.info("job skipped: its idempotency key has been used", extra={"job": job.name})
    except OutOfTime:
        if timeouts.expired():  # the time limit of the job around this one
            raise
        raise InlineError(f"{job.name} was stopped after {job.options.max_runtime:.0f} s, its max_runtime") from None
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:  # CancelledError or SystemExit would cancel or end the caller
        raise InlineError(f"{job.name} failed: {describe(error)}") from error
    finally:
        logs.job_id.reset(token)
