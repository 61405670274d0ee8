"""The queues of AWS: SQS for messages, EventBridge Scheduler for delays that SQS cannot keep.

This module alone knows how a job's message looks as SQS has it.
"""

import itertools
import json
import math
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from kit import aws, clock, settings
from kit.errors import UsageError
from kit.jobs.message import MAX_BYTES, DeadLetter, Delivery, Message, Unreadable, moment

MAX_DELAY = 900
"""Seconds for which SQS delays a message at most."""
MAX_HIDDEN = 12 * 3600
"""Seconds for which SQS hides a message at most, counted from when it was received."""
MAX_SCHEDULED_BYTES = 256 * 1024
"""The size of a message that the Scheduler takes at most."""
MAX_REASON = 8 * 1024
BATCH = 10

_UNFIT = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class SendError(RuntimeError):
    """Some of several messages were not taken by SQS."""


class SqsQueues:
    """The queues that the settings name."""

    def send(self, messages: list[Message], delay: float = 0) -> None:
        for queue, group in itertools.groupby(messages, key=lambda message: message.queue):
            same = list(group)
            if delay > (0 if queue.endswith(".fifo") else MAX_DELAY):
                for message in same:
                    _schedule(message, clock.now() + timedelta(seconds=delay))
            else:
                for batch in _batches(same):
                    _send(url(queue), batch, math.ceil(delay))

    def remove(self, delivery: Delivery) -> None:
        _call("DeleteMessage", url(delivery.queue), ReceiptHandle=delivery.receipt)

    def postpone(self, delivery: Delivery, seconds: float) -> None:
        hidden = min(math.ceil(seconds), MAX_HIDDEN)
        _call("ChangeMessageVisibility", url(delivery.queue), ReceiptHandle=delivery.receipt, VisibilityTimeout=hidden)

    def bury(self, delivery: Delivery, reason: str, message: Message | None) -> None:
        room = 1024 * 1024 - len(delivery.body.encode()) - 1024
        attributes = {
            "Reason": _fitting(reason, min(MAX_REASON, room)),
            "Receives": str(delivery.receives),
            "Died": clock.now().isoformat(timespec="seconds"),
            "MessageId": delivery.id,
        }
        if message:
            attributes |= {"Job": message.job, "JobId": message.id}
        _call(
            "SendMessage",
            url(delivery.queue, dead=True),
            MessageBody=delivery.body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
            },
            **_order(delivery.queue, delivery.group or delivery.id, f"dead-{delivery.id}"),
        )

    def most_receives(self, queue: str) -> int | None:
        return _max_receive_count(url(queue))

    def count(self) -> dict[str, int]:
        """About how many messages stand in each queue."""
        names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesDelayed",
            "ApproximateNumberOfMessagesNotVisible",
        ]
        counted = {}
        for queue, address in settings.current().jobs_queues.items():
            told = _call("GetQueueAttributes", address, AttributeNames=names)["Attributes"]
            counted[queue] = sum(int(told.get(name, 0)) for name in names)
        return counted

    def dead(self, limit: int = 1000) -> list[DeadLetter]:
        """Look at what was given up; it stays where it is, and is hidden from others for a moment."""
        found: dict[str, DeadLetter] = {}
        for queue, address in settings.current().jobs_dead_queues.items():
            while len(found) < limit and (given := _receive(address)):
                for letter in (_letter(queue, one) for one in given):
                    found[letter.receipt] = letter
        for letter in found.values():
            _call(
                "ChangeMessageVisibility",
                url(letter.queue, dead=True),
                ReceiptHandle=letter.receipt,
                VisibilityTimeout=0,
            )
        return list(found.values())

    def revive(self, letter: DeadLetter) -> None:
        """Send a dead one to its queue as if it were new, and take it out of the dead-letter queue."""
        try:
            message = Message.from_json(letter.body)
        except Unreadable as error:
            raise UsageError(f"{letter.id} cannot be tried again: {error}. Delete it: jobs purge {letter.id}") from None
        self.send([message.again(spent=0)])
        self.forget(letter)

    def forget(self, letter: DeadLetter) -> None:
        """Delete a dead one."""
        _call("DeleteMessage", url(letter.queue, dead=True), ReceiptHandle=letter.receipt)


def deliveries(event: dict[str, Any]) -> list[Delivery]:
    """The messages of a batch, as Lambda hands it to a function; all come from one queue."""
    records = event["Records"]
    queue = _name(records[0]["eventSourceARN"])
    return [
        Delivery(
            body=record["body"],
            receipt=record["receiptHandle"],
            receives=int(record["attributes"]["ApproximateReceiveCount"]),
            queue=queue,
            id=record["messageId"],
            group=record["attributes"].get("MessageGroupId"),
        )
        for record in records
    ]


def _name(arn: str) -> str:
    """What jobs call the queue of this ARN."""
    wanted = arn.rpartition(":")[2]
    for name, address in settings.current().jobs_queues.items():
        if address.rpartition("/")[2] == wanted:
            return name
    raise UsageError(f"Messages come from {arn}, which JOBS_QUEUES does not name.")


def url(queue: str, *, dead: bool = False) -> str:
    """The address of a queue, or of its dead-letter queue."""
    wanted = settings.current()
    known = wanted.jobs_dead_queues if dead else wanted.jobs_queues
    if queue not in known:
        name = "JOBS_DEAD_QUEUES" if dead else "JOBS_QUEUES"
        raise UsageError(f"{name} names no queue {queue!r}. Add it: {name}={queue}=https://sqs.…")
    return known[queue]


def arn(address: str) -> str:
    """The ARN of the queue at this address."""
    account, name = urlsplit(address).path.strip("/").split("/")
    partition = {"cn": "aws-cn", "us-gov": "aws-us-gov", "eusc": "aws-eusc"}
    region = aws.region()
    return f"arn:{next((value for start, value in partition.items() if region.startswith(start)), 'aws')}:sqs:{region}:{account}:{name}"


def check_size(message: Message, delay: float) -> str | None:
    """Say what is wrong when a message is larger than its way into the queue can take."""
    size = len(message.to_json().encode())
    scheduled = delay > (0 if message.queue.endswith(".fifo") else MAX_DELAY)
    most = MAX_SCHEDULED_BYTES if scheduled else MAX_BYTES
    if size <= most:
        return None
    way = "a message that is delayed by the Scheduler" if scheduled else "a message"
    return f"its arguments make {size:,} bytes, and {way} can have {most:,}"


def _batches(messages: list[Message]) -> Iterator[list[Message]]:
    """At most ten at a time, and at most what one request can hold."""
    batch: list[Message] = []
    size = 0
    for message in messages:
        length = len(message.to_json().encode())
        if batch and (len(batch) == BATCH or size + length > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += length
    yield batch


def _send(address: str, batch: list[Message], delay: int) -> None:
    entries = {str(number): _entry(message, delay) for number, message in enumerate(batch)}
    if len(batch) == 1:
        _call("SendMessage", address, **entries["0"])
        return
    for _ in range(aws.TRIES):
        told = _call("SendMessageBatch", address, Entries=[{"Id": key} | entry for key, entry in entries.items()])
        failed = {one["Id"]: one for one in told.get("Failed", ())}
        entries = {key: entry for key, entry in entries.items() if key in failed}
        if not entries:
            return
    why = "; ".join(sorted({f"{one.get('Code')}: {one.get('Message')}" for one in failed.values()}))
    raise SendError(f"{len(entries)} of {len(batch)} messages were not taken by {address}: {why}")


def _entry(message: Message, delay: int) -> dict[str, Any]:
    order = _order(message.queue, message.group or message.job, f"{message.id}-{message.spent}")
    if not order and message.group:
        order = {"MessageGroupId": message.group}
    return {"MessageBody": message.to_json()} | ({"DelaySeconds": delay} if delay else {}) | order


def _order(queue: str, group: str, deduplication: str) -> dict[str, str]:
    """What a FIFO queue asks for."""
    if not queue.endswith(".fifo"):
        return {}
    return {"MessageGroupId": group, "MessageDeduplicationId": deduplication}


def _schedule(message: Message, at: datetime) -> None:
    """Let the Scheduler send it, once, at a moment beyond what SQS can delay."""
    wanted = settings.current()
    if not (wanted.jobs_scheduler_group and wanted.jobs_scheduler_role):
        raise UsageError("A delay past 15 minutes needs JOBS_SCHEDULER_GROUP and JOBS_SCHEDULER_ROLE.")
    address = url(message.queue)
    target: dict[str, Any] = {
        "Arn": arn(address),
        "RoleArn": wanted.jobs_scheduler_role,
        "Input": message.to_json(),
        "RetryPolicy": {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400},
    }
    if message.queue.endswith(".fifo"):
        target["SqsParameters"] = {"MessageGroupId": message.group or message.job}
    elif message.queue in wanted.jobs_dead_queues:
        target["DeadLetterConfig"] = {"Arn": arn(url(message.queue, dead=True))}
    name = f"{message.id}-{message.spent}"
    at = moment(math.ceil(at.timestamp()))
    payload = {
        "ClientToken": name,
        "GroupName": wanted.jobs_scheduler_group,
        "ScheduleExpression": f"at({at:%Y-%m-%dT%H:%M:%S})",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": target,
    }
    headers = {"content-type": "application/json"}
    try:
        aws.post("scheduler", "CreateSchedule", f"/schedules/{name}", headers, payload)
    except aws.AwsError as error:
        if error.code != "ConflictException":  # it is there already: an answer was lost, and the call repeated
            raise


def _receive(address: str) -> list[dict[str, Any]]:
    told = _call(
        "ReceiveMessage",
        address,
        MaxNumberOfMessages=BATCH,
        VisibilityTimeout=60,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
    )
    found: list[dict[str, Any]] = told.get("Messages") or []
    return found


def _letter(queue: str, given: dict[str, Any]) -> DeadLetter:
    told = {name: value["StringValue"] for name, value in (given.get("MessageAttributes") or {}).items()}
    job = told.get("Job")
    identity = told.get("JobId")
    if job is None:  # SQS moved it by itself, or it could not be read
        try:
            message = Message.from_json(given["Body"])
            job, identity = message.job, message.id
        except Unreadable:
            job = "(unreadable)"
    return DeadLetter(
        id=identity or given["MessageId"],
        job=job,
        reason=told.get("Reason") or "SQS moved it: on each delivery the function died, or never started",
        body=given["Body"],
        queue=queue,
        receipt=given["ReceiptHandle"],
        died=datetime.fromisoformat(told["Died"]) if "Died" in told else None,
    )


def _fitting(reason: str, most: int) -> str:
    """The reason as SQS takes it: without control characters, and cut to so many bytes."""
    return _UNFIT.sub("\ufffd", reason).encode()[: max(most, 1)].decode(errors="ignore")


@cache
def _max_receive_count(address: str) -> int | None:
    told = _call("GetQueueAttributes", address, AttributeNames=["RedrivePolicy"])
    policy = (told.get("Attributes") or {}).get("RedrivePolicy")
    return int(json.loads(policy)["maxReceiveCount"]) if policy else None


def _call(operation: str, address: str, **payload: Any) -> dict[str, Any]:
    parts = urlsplit(address)
    return aws.call("sqs", operation, {"QueueUrl": address} | payload, endpoint=f"{parts.scheme}://{parts.netloc}")
