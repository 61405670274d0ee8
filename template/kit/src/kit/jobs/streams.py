"""Records of DynamoDB streams: the jobs function enqueues a job for each.

Source: AWS Lambda Developer Guide, "Using AWS Lambda with Amazon DynamoDB",
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

import json
import logging
from typing import Any

from kit import clock
from kit.errors import UsageError
from kit.jobs import incoming, metrics, registry
from kit.jobs.message import Message
from kit.jobs.queues import sqs_format
from kit.jobs.queues.base import Queues
from kit.jobs.spec import Stream

log = logging.getLogger("kit.jobs")


def enqueue(records: list[dict[str, Any]], queues: Queues) -> dict[str, list[dict[str, str]]]:
    """Enqueue the jobs of a batch of records; the response names the first record that Lambda must deliver again.

    Records of a table that no job is declared for raise `UsageError`: they stay in the stream, which keeps them for a
    day, until a version with the job is deployed.
    """
    sent: list[tuple[dict[str, Any], Message]] = []
    for record in records:
        sent += [(record, message) for message in messages(record, queues)]
    unsent = _send([message for _, message in sent], queues)
    first = next((record for record, message in sent if message.id in unsent), None)
    metrics.queued([message for _, message in sent if message.id not in unsent])
    return {"batchItemFailures": [{"itemIdentifier": first["dynamodb"]["SequenceNumber"]}] if first else []}


def _send(batch: list[Message], queues: Queues) -> set[str]:
    """Send messages, and return the ids of those that were not accepted."""
    try:
        queues.send(batch)
    except Exception as error:
        log.exception("records of a stream could not be enqueued; Lambda delivers them again")
        return {message.id for message in getattr(error, "unsent", batch)}
    return set()


def messages(record: dict[str, Any], queues: Queues) -> list[Message]:
    """The messages that start the jobs of a record."""
    arn = record["eventSourceARN"]
    sources = [source for job in registry.jobs.values() for source in job.sources if isinstance(source, Stream)]
    sources = [source for source in sources if incoming.is_named(source.table, arn, _table(arn))]
    if not sources:
        raise UsageError(f"Records come from {arn}, for which no job is declared with @on.stream.")
    return [_message(source, record, queues) for source in sources if record["eventName"] in source.changes]


def _message(source: Stream, record: dict[str, Any], queues: Queues) -> Message:
    message = _start(source, record)
    if queues.check_size(message, message.to_json(), delay=0, on_fargate=source.job.on_fargate):
        log.warning("a record is too large for the queue: its images are left out", extra={"job": source.job.name})
        images = {"NewImage", "OldImage"}
        changed = {name: value for name, value in record["dynamodb"].items() if name not in images}
        message = _start(source, record | {"dynamodb": changed})
    return message


def _start(source: Stream, record: dict[str, Any]) -> Message:
    keys = json.dumps(record["dynamodb"].get("Keys"), sort_keys=True)
    return incoming.start(
        source.job.name,
        record,
        id=record["eventID"],
        time=clock.now().timestamp(),
        once=source.once,
        group=sqs_format.digest(keys) if source.job.options.queue.endswith(".fifo") else None,
    )


def _table(arn: str) -> str:
    return arn.partition(":table/")[2].partition("/")[0]
