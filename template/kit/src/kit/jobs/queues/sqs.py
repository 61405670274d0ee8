"""The queues of AWS: SQS for messages, EventBridge Scheduler for delays that SQS cannot keep."""

import itertools
import json
import logging
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from kit import aws, clock, settings
from kit.errors import UsageError
from kit.jobs import incoming, outbox
from kit.jobs.message import MAX_BYTES, MAX_REASON, DeadLetter, Delivery, Message, Unreadable, fit, from_timestamp
from kit.jobs.queues import sqs_format
from kit.jobs.queues.sqs_format import deduplication_id, digest

log = logging.getLogger("kit.jobs")

MAX_HIDDEN = 12 * 3600
"""The longest time for which SQS hides a message, in seconds, counted from when it was received."""
MAX_SIZE = 1024 * 1024
"""Bytes of a message's body and attributes together. Source: Amazon SQS Developer Guide, "message quotas"."""
BATCH = 10
HOLD = 120
"""Seconds for which a dead letter is hidden from others while it is shown or redriven."""
MIN_REASON = 64
"""Bytes; a dead letter with less room than this for its reason carries none."""


class SendError(RuntimeError):
    """SQS did not accept some messages; they are in `unsent`, the others are in their queues."""

    def __init__(self, unsent: list[Message], total: int, why: str) -> None:
        super().__init__(f"SQS did not accept {len(unsent)} of {total} messages: {why}")
        self.unsent = unsent


class SqsQueues:
    """The SQS queues that the settings name; `kit.jobs.queues.base.Queues` documents the methods."""

    def check_size(self, message: Message, body: str, *, delay: float, on_fargate: bool) -> str | None:
        if len(body) <= sqs_format.SMALL:
            return None
        return sqs_format.check_size(message, body, delay=delay, on_fargate=on_fargate)

    def send(self, messages: list[Message], delay: float = 0) -> None:
        """Send messages; one that cannot be sent does not keep the others from being sent.

        Raises `SendError` with those that were not accepted; for a single message, the error itself.
        """
        batches = list(_batches(messages, delay))
        unsent: list[Message] = []
        errors: list[Exception] = []
        while batches:
            batch, scheduled = batches.pop(0)
            try:
                if scheduled:
                    _schedule(batch[0], clock.now() + timedelta(seconds=delay))
                else:
                    _send(batch, math.ceil(delay))
            except Exception as error:
                if len(messages) == 1:
                    raise
                errors.append(error)
                unsent += error.unsent if isinstance(error, SendError) else batch
                if isinstance(error, OSError):  # AWS can't be reached, so the other batches would fail too
                    unsent += [message for rest, _ in batches for message in rest]
                    break
        if errors:
            raise SendError(unsent, len(messages), "; ".join(sorted({str(error) for error in errors}))) from errors[0]

    def send_after_commit(self, session: Session, messages: list[Message], delay: float) -> None:
        """Write messages to the outbox, in the transaction; they are sent after its commit."""
        outbox.add(session, messages, self)

    def delete(self, delivery: Delivery) -> None:
        """Delete the message, unless it was delivered again since: then that delivery decides."""
        with _stale_receipt_ignored(delivery):
            _call("DeleteMessage", url(delivery.queue), ReceiptHandle=delivery.receipt)

    def change_visibility(self, delivery: Delivery, seconds: float) -> None:
        """Hide the message for so many seconds, or for as long as SQS still allows."""
        hidden = min(math.ceil(seconds), MAX_HIDDEN)
        with _stale_receipt_ignored(delivery):
            while not _hide(delivery, hidden):
                hidden //= 2

    def hide(self, deliveries: list[tuple[Delivery, float]]) -> None:
        """Hide up to ten messages of one queue, each for so many seconds, with one call."""
        entries = [
            {
                "Id": str(number),
                "ReceiptHandle": delivery.receipt,
                "VisibilityTimeout": min(math.ceil(seconds), MAX_HIDDEN),
            }
            for number, (delivery, seconds) in enumerate(deliveries)
        ]
        response = _call("ChangeMessageVisibilityBatch", url(deliveries[0][0].queue), Entries=entries)
        for failure in response.get("Failed", ()):
            delivery = deliveries[int(failure["Id"])][0]
            log.warning("could not hide a message: %s", failure.get("Code"), extra={"message_id": delivery.id})

    def dead_letter(self, delivery: Delivery, reason: str, message: Message | None) -> None:
        """Send a copy to the dead-letter queue, with as much of the reason as the message has room for."""
        group = delivery.group or delivery.id
        _call(
            "SendMessage",
            url(delivery.queue, dead=True),
            MessageBody=delivery.body,
            **_dead_letter_attributes(delivery, reason, message),
            **sqs_format.fifo_parameters(delivery.queue, group, digest(f"dead {delivery.id}")),
        )

    def max_receive_count(self, queue: str) -> int | None:
        return _max_receive_count(url(queue))

    def count(self) -> dict[str, int]:
        return {queue: _count(address) for queue, address in settings.current().jobs_queues.items()}

    def count_dead_letters(self) -> int:
        return sum(_count(address) for address in settings.current().jobs_dead_letter_queues.values())

    def dead_letters(self, limit: int = 1000) -> list[DeadLetter]:
        with self.receive_dead_letters(limit) as letters:
            return letters

    @contextmanager
    def receive_dead_letters(self, limit: int = 1000) -> Iterator[list[DeadLetter]]:
        """Receive dead letters, the oldest first, to be redriven or deleted within the block.

        They are hidden from others meanwhile, because SQS accepts the receipt of a FIFO message only while the
        message is hidden. A FIFO queue delivers ten messages of one group, and more only when those are gone.
        """
        letters: dict[str, DeadLetter] = {}
        try:
            for queue, address in settings.current().jobs_dead_letter_queues.items():
                while len(letters) < limit and (received := _receive(address)):
                    for letter in (_dead_letter(queue, message) for message in received):
                        letters[letter.message_id] = letter
            yield list(letters.values())[:limit]
        finally:
            _release(letters.values())

    def redrive(self, letter: DeadLetter) -> None:
        """Send a dead letter to the queue that it came from as a new message, then delete it.

        The deduplication id is derived from the letter's id in the dead-letter queue. A job that fails for good again
        gets another, so no FIFO queue drops its redrive; if only the deletion fails and the redrive is repeated, it is
        the same, so the job is in its queue once.
        """
        try:
            message = incoming.read(letter.body, letter.queue)
        except Unreadable as error:
            raise UsageError(
                f"{letter.id} can't be retried: {error}. To delete it: ./exec python -m kit jobs purge {letter.id}"
            ) from None
        retry = message.retry(attempts_used=0)._replace(queue=letter.queue, group=message.group or letter.group)
        _call("SendMessage", url(letter.queue), **sqs_format.entry(retry, 0, digest(f"redrive {letter.message_id}")))
        self.delete_dead_letter(letter)

    def delete_dead_letter(self, letter: DeadLetter) -> None:
        _call("DeleteMessage", url(letter.queue, dead=True), ReceiptHandle=letter.receipt)


@contextmanager
def _stale_receipt_ignored(delivery: Delivery) -> Iterator[None]:
    """Ignore a receipt that is out of date: the message was delivered again, or is gone."""
    try:
        yield
    except aws.AwsError as error:
        if not (
            "receipt handle has expired" in str(error)
            or "does not exist or is not available" in str(error)
            or "MessageNotInflight" in error.code
        ):
            raise
        log.warning(
            "the message was delivered again before it was deleted or hidden", extra={"message_id": delivery.id}
        )


def _hide(delivery: Delivery, seconds: int) -> bool:
    """Hide a message; False if that exceeds the 12 hours since it was received."""
    try:
        _call(
            "ChangeMessageVisibility",
            url(delivery.queue),
            ReceiptHandle=delivery.receipt,
            VisibilityTimeout=seconds,
        )
    except aws.AwsError as error:
        if seconds and "Total VisibilityTimeout" in str(error):
            return False
        raise
    return True


def _dead_letter_attributes(delivery: Delivery, reason: str, message: Message | None) -> dict[str, Any]:
    """The attributes of a dead letter: none if the body leaves no room, which `_dead_letter` expects."""
    values = {
        "ReceiveCount": str(delivery.receive_count),
        "Died": clock.now().isoformat(timespec="seconds"),
        "MessageId": delivery.id,
    }
    if message:
        values |= {"Job": fit(message.job), "JobId": fit(message.id)}
    values = {name: value for name, value in values.items() if value}
    used = sum(len(f"{name}String{value}".encode()) for name, value in values.items())
    room = MAX_SIZE - len(delivery.body.encode()) - used - len("ReasonString")
    if room < MIN_REASON:
        return {}
    values["Reason"] = fit(reason, min(MAX_REASON, room)) or "no reason was given"
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in values.items()}
    return {"MessageAttributes": attributes}


def deliveries(event: dict[str, Any]) -> list[Delivery]:
    """The messages of a batch, as Lambda passes it to a function; all come from one queue."""
    records = event["Records"]
    queue = _queue_name(records[0]["eventSourceARN"])
    return [
        Delivery(
            body=record["body"],
            receipt=record["receiptHandle"],
            receive_count=int(record["attributes"]["ApproximateReceiveCount"]),
            queue=queue,
            id=record["messageId"],
            group=record["attributes"].get("MessageGroupId"),
        )
        for record in records
    ]


def _queue_name(queue_arn: str) -> str:
    """The name that jobs use for the queue with this ARN."""
    sqs_name = queue_arn.rpartition(":")[2]
    for name, address in settings.current().jobs_queues.items():
        if address.rpartition("/")[2] == sqs_name:
            return name
    raise UsageError(f"Messages come from {queue_arn}, which is not in JOBS_QUEUES.")


def url(queue: str, *, dead: bool = False) -> str:
    """The URL of a queue, or of its dead-letter queue."""
    config = settings.current()
    urls = config.jobs_dead_letter_queues if dead else config.jobs_queues
    if queue not in urls:
        name = "JOBS_DEAD_LETTER_QUEUES" if dead else "JOBS_QUEUES"
        raise UsageError(f"{name} has no queue {queue!r}. Add it: {name}={queue}=https://sqs.…")
    return urls[queue]


def arn(address: str) -> str:
    """The ARN of the queue with this URL."""
    account, name = urlsplit(address).path.strip("/").split("/")
    return f"arn:{_partition()}:sqs:{aws.region()}:{account}:{name}"


def _partition() -> str:
    partitions = {"cn": "aws-cn", "us-gov": "aws-us-gov", "eusc": "aws-eusc"}
    return next((value for start, value in partitions.items() if aws.region().startswith(start)), "aws")


def _batches(messages: list[Message], delay: float) -> Iterator[tuple[list[Message], bool]]:
    """Batches of messages of one queue, as many as fit into one request; or single ones that need the Scheduler."""
    for queue, same in itertools.groupby(messages, key=lambda message: message.queue):
        if sqs_format.needs_scheduler(queue, delay):
            yield from (([message], True) for message in same)
            continue
        batch: list[Message] = []
        size = 0
        for message in same:
            length = len(message.to_json().encode())
            if batch and (len(batch) == BATCH or size + length > MAX_BYTES):
                yield batch, False
                batch, size = [], 0
            batch.append(message)
            size += length
        yield batch, False


def _send(batch: list[Message], delay: int) -> None:
    address = url(batch[0].queue)
    entries = {
        str(number): sqs_format.entry(message, delay, deduplication_id(message)) for number, message in enumerate(batch)
    }
    if len(batch) == 1:
        _call("SendMessage", address, **entries["0"])
        return
    rejected: dict[str, dict[str, Any]] = {}
    for attempt in range(1, aws.TRIES + 1):
        response = _call("SendMessageBatch", address, Entries=[{"Id": key} | entry for key, entry in entries.items()])
        failed = {failure["Id"]: failure for failure in response.get("Failed", ())}
        rejected |= {key: one for key, one in failed.items() if one.get("SenderFault") or attempt == aws.TRIES}
        entries = {key: entry for key, entry in entries.items() if key in failed and key not in rejected}
        if not entries:
            break
        aws.pause(attempt)
    if rejected:
        why = "; ".join(sorted({f"{one.get('Code')}: {one.get('Message')}" for one in rejected.values()}))
        raise SendError([batch[int(key)] for key in sorted(rejected, key=int)], len(batch), why)


def _schedule(message: Message, at: datetime) -> None:
    """Have EventBridge Scheduler send a message once, at a time beyond what SQS can delay.

    The schedule is named after the copy of the message: a repeated call changes nothing, a later copy has its own.
    """
    config = settings.current()
    if not (config.jobs_scheduler_group and config.jobs_scheduler_role):
        raise UsageError("A delay of more than 15 minutes needs JOBS_SCHEDULER_GROUP and JOBS_SCHEDULER_ROLE.")
    address = url(message.queue)
    target: dict[str, Any] = {
        "Arn": arn(address),
        "RoleArn": config.jobs_scheduler_role,
        "Input": sqs_format.scheduler_input(message, address),
        "RetryPolicy": {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400},
    }
    if message.queue.endswith(".fifo"):
        target["Arn"] = f"arn:{_partition()}:scheduler:::aws-sdk:sqs:sendMessage"
    elif message.queue in config.jobs_dead_letter_queues:
        target["DeadLetterConfig"] = {"Arn": arn(url(message.queue, dead=True))}
    at = from_timestamp(math.ceil(round(at.timestamp(), 3)))
    name = deduplication_id(message)
    payload = {
        "ClientToken": name,
        "GroupName": config.jobs_scheduler_group,
        "ScheduleExpression": f"at({at:%Y-%m-%dT%H:%M:%S})",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": target,
    }
    headers = {"content-type": "application/json"}
    try:
        aws.send("POST", "scheduler", "CreateSchedule", f"/schedules/{name}", headers, payload)
    except aws.AwsError as error:
        if error.code != "ConflictException":  # it exists: the response was lost, and the call repeated
            raise


def _count(address: str) -> int:
    names = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesDelayed",
        "ApproximateNumberOfMessagesNotVisible",
    ]
    attributes = _call("GetQueueAttributes", address, AttributeNames=names)["Attributes"]
    return sum(int(attributes.get(name, 0)) for name in names)


def _receive(address: str) -> list[dict[str, Any]]:
    """Receive up to ten messages; long polling asks all of SQS's servers, short polling may miss messages.

    Source: Amazon SQS Developer Guide, "Amazon SQS short and long polling".
    """
    response = _call(
        "ReceiveMessage",
        address,
        MaxNumberOfMessages=BATCH,
        VisibilityTimeout=HOLD,
        WaitTimeSeconds=1,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
    )
    messages: list[dict[str, Any]] = response.get("Messages") or []
    return messages


def _release(letters: Iterable[DeadLetter]) -> None:
    """Make dead letters visible to others again; those deleted meanwhile are rejected one by one, which is fine."""
    for queue, same in itertools.groupby(letters, key=lambda letter: letter.queue):
        held = list(same)
        for start in range(0, len(held), BATCH):
            entries = [
                {"Id": str(number), "ReceiptHandle": letter.receipt, "VisibilityTimeout": 0}
                for number, letter in enumerate(held[start : start + BATCH])
            ]
            try:
                _call("ChangeMessageVisibilityBatch", url(queue, dead=True), Entries=entries)
            except (aws.AwsError, OSError):
                log.warning("dead letters stay hidden for up to %d s", HOLD, exc_info=True)


def _dead_letter(queue: str, received: dict[str, Any]) -> DeadLetter:
    values = {name: value.get("StringValue", "") for name, value in (received.get("MessageAttributes") or {}).items()}
    attributes = received.get("Attributes") or {}
    body: str = received["Body"]
    job, job_id, reason = values.get("Job"), values.get("JobId"), values.get("Reason")
    if "RULE_ARN" in values:
        with suppress(Unreadable):
            body = incoming.undelivered(body, values["RULE_ARN"])
        reason = f"EventBridge could not deliver it: {values.get('ERROR_CODE')}: {values.get('ERROR_MESSAGE')}"
    if job is None or not reason:
        job, job_id, guess = _infer_reason(body, queue, attributes)
        reason = reason or guess
    return DeadLetter(
        id=job_id or received["MessageId"],
        job=job,
        reason=reason,
        body=body,
        queue=queue,
        receipt=received["ReceiptHandle"],
        died=datetime.fromisoformat(values["Died"]) if "Died" in values else None,
        message_id=received["MessageId"],
        group=attributes.get("MessageGroupId"),
    )


def _infer_reason(body: str, queue: str, attributes: dict[str, Any]) -> tuple[str, str | None, str]:
    """The job, its id and the reason of a letter that carries none: SQS moved it, or it had no room for one."""
    try:
        message = incoming.read(body, queue)
    except Unreadable as error:
        return "(unreadable)", None, f"the message is unreadable: {error}"
    if '"requestPayload"' in body:
        return message.job, message.id, "the jobs function failed at this tick of a schedule; the reason is in its log"
    if "DeadLetterQueueSourceArn" in attributes:
        return message.job, message.id, "SQS moved it: on each delivery the function died, or never started"
    if incoming.is_notification(body):
        return message.job, message.id, "SNS could not deliver it: see the policy of the queue"
    return message.job, message.id, "the message has no room for the reason, which is in the log of the jobs"


@cache
def _max_receive_count(address: str) -> int | None:
    response = _call("GetQueueAttributes", address, AttributeNames=["RedrivePolicy"])
    policy = (response.get("Attributes") or {}).get("RedrivePolicy")
    return int(json.loads(policy)["maxReceiveCount"]) if policy else None


def _call(operation: str, address: str, **payload: Any) -> dict[str, Any]:
    parts = urlsplit(address)
    return aws.call("sqs", operation, {"QueueUrl": address} | payload, endpoint=f"{parts.scheme}://{parts.netloc}")
