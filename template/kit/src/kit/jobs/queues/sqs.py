"""The queues of AWS: SQS for messages, EventBridge Scheduler for delays that SQS cannot keep.

This module alone knows how a job's message looks as SQS has it.
"""

import hashlib
import itertools
import json
import logging
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from kit import aws, clock, settings
from kit.errors import UsageError
from kit.jobs.message import MAX_BYTES, MAX_REASON, DeadLetter, Delivery, Message, Unreadable, fit, moment

log = logging.getLogger("kit.jobs")

MAX_DELAY = 900
"""Seconds for which SQS delays a message at most."""
MAX_HIDDEN = 12 * 3600
"""Seconds for which SQS hides a message at most, counted from when it was received."""
MAX_SIZE = 1024 * 1024
"""Bytes of a message's body and attributes together. Source: Amazon SQS Developer Guide, "message quotas"."""
MAX_SCHEDULED_BYTES = 256 * 1024
"""The size of a message that the Scheduler takes at most."""
BATCH = 10
URL_ROOM = 200
"""Bytes kept for a queue's address, which is not known where a job is enqueued locally."""
HOLD = 120
"""Seconds for which a dead letter is hidden from others while it is looked at or redriven."""
MIN_REASON = 64
"""Bytes; a dead letter with less room than this for its reason carries none."""


class SendError(RuntimeError):
    """Some messages were not accepted; `unsent` has them, the others stand in their queues."""

    def __init__(self, unsent: list[Message], total: int, why: str) -> None:
        super().__init__(f"{len(unsent)} of {total} messages were not accepted by SQS: {why}")
        self.unsent = unsent


class SqsQueues:
    """The queues that the settings name."""

    def send(self, messages: list[Message], delay: float = 0) -> None:
        """Send messages; what can be sent is sent, also when others of them cannot.

        Raises `SendError` that names those which were not accepted; for a single message, the error itself.
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
                if isinstance(error, OSError):  # AWS cannot be reached: the others would only wait for that, too
                    unsent += [message for rest, _ in batches for message in rest]
                    break
        if errors:
            raise SendError(unsent, len(messages), "; ".join(sorted({str(error) for error in errors}))) from errors[0]

    def remove(self, delivery: Delivery) -> None:
        """Delete the message, unless it was delivered again since: then that delivery decides."""
        with _own_receipt(delivery):
            _call("DeleteMessage", url(delivery.queue), ReceiptHandle=delivery.receipt)

    def postpone(self, delivery: Delivery, seconds: float) -> None:
        """Hide the message for so many seconds, or for as long as SQS still allows."""
        hidden = min(math.ceil(seconds), MAX_HIDDEN)
        with _own_receipt(delivery):
            while not _hide(delivery, hidden):
                hidden //= 2

    def bury(self, delivery: Delivery, reason: str, message: Message | None) -> None:
        """Send a copy to the dead-letter queue, with the reason as far as the message has room for it."""
        _call(
            "SendMessage",
            url(delivery.queue, dead=True),
            MessageBody=delivery.body,
            **_letter_attributes(delivery, reason, message),
            **_order(delivery.queue, delivery.group or delivery.id, digest(f"dead {delivery.id}")),
        )

    def most_receives(self, queue: str) -> int | None:
        return _max_receive_count(url(queue))

    def count(self) -> dict[str, int]:
        """About how many messages stand in each queue."""
        return {queue: _count(address) for queue, address in settings.current().jobs_queues.items()}

    def count_dead(self) -> int:
        """About how many dead letters there are."""
        return sum(_count(address) for address in settings.current().jobs_dead_queues.values())

    def dead(self, limit: int = 1000) -> list[DeadLetter]:
        """Look at the dead letters; they stay where they are. See `letters` for what a FIFO queue leaves out."""
        with self.letters(limit) as found:
            return found

    @contextmanager
    def letters(self, limit: int = 1000) -> Iterator[list[DeadLetter]]:
        """Receive dead letters, the oldest first, to look at them, redrive or delete them within the block.

        They are hidden from others meanwhile, because SQS accepts the receipt of a FIFO message only while the
        message is hidden. A FIFO queue gives out ten letters of one group, and the next when those are gone.
        """
        found: dict[str, DeadLetter] = {}
        try:
            for queue, address in settings.current().jobs_dead_queues.items():
                while len(found) < limit and (received := _receive(address)):
                    for letter in (_letter(queue, one) for one in received):
                        found[letter.message_id] = letter
            yield list(found.values())[:limit]
        finally:
            _release(found.values())

    def revive(self, letter: DeadLetter) -> None:
        """Send a dead letter to the queue that it came from as a new try, then delete it.

        The deduplication id is derived from the letter's own id in the dead-letter queue: each time that a job dies
        it gets another, so that no FIFO queue drops the new try; when the deletion fails and the redrive is repeated,
        it is the same, so that the job stands in its queue once.
        """
        from kit.jobs import schedules

        try:
            message = schedules.read(letter.body)
        except Unreadable as error:
            raise UsageError(f"{letter.id} cannot be tried again: {error}. Delete it: jobs purge {letter.id}") from None
        again = message.again(spent=0)._replace(queue=letter.queue, group=message.group or letter.group)
        _call("SendMessage", url(letter.queue), **_entry(again, 0, digest(f"redrive {letter.message_id}")))
        self.forget(letter)

    def forget(self, letter: DeadLetter) -> None:
        """Delete a dead one."""
        _call("DeleteMessage", url(letter.queue, dead=True), ReceiptHandle=letter.receipt)


@contextmanager
def _own_receipt(delivery: Delivery) -> Iterator[None]:
    """Let a receipt that is out of date change nothing: the message was delivered again, or is gone."""
    try:
        yield
    except aws.AwsError as error:
        if not (
            "receipt handle has expired" in str(error)
            or "does not exist or is not available" in str(error)
            or "MessageNotInflight" in error.code
        ):
            raise
        log.warning("a message was delivered again before it was settled", extra={"message_id": delivery.id})


def _hide(delivery: Delivery, seconds: int) -> bool:
    """Hide a message; False when that is longer than the 12 hours since it was received allow."""
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


def _letter_attributes(delivery: Delivery, reason: str, message: Message | None) -> dict[str, Any]:
    """What a dead letter carries beside its body: nothing when the body leaves no room, as `_letter` knows."""
    values = {
        "Receives": str(delivery.receives),
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
    return f"arn:{_partition()}:sqs:{aws.region()}:{account}:{name}"


def _partition() -> str:
    partitions = {"cn": "aws-cn", "us-gov": "aws-us-gov", "eusc": "aws-eusc"}
    return next((value for start, value in partitions.items() if aws.region().startswith(start)), "aws")


def check_size(message: Message, delay: float) -> str | None:
    """Say what is wrong when a message is larger than its way into the queue can take."""
    if _is_scheduled(message.queue, delay):
        size, most, way = (
            len(_input(message, "x" * URL_ROOM).encode()),
            MAX_SCHEDULED_BYTES,
            "a message that is delayed by the Scheduler",
        )
    else:
        size, most, way = len(message.to_json().encode()), MAX_BYTES, "a message"
    return None if size <= most else f"its arguments make {size:,} bytes, and {way} can have {most:,}"


def _is_scheduled(queue: str, delay: float) -> bool:
    """Whether the delay is one that the queue cannot keep: SQS has none for a single message of a FIFO queue."""
    return delay > (0 if queue.endswith(".fifo") else MAX_DELAY)


def _batches(messages: list[Message], delay: float) -> Iterator[tuple[list[Message], bool]]:
    """Messages of one queue, ten at a time and at most what one request can hold; or one that is to be scheduled."""
    for queue, same in itertools.groupby(messages, key=lambda message: message.queue):
        if _is_scheduled(queue, delay):
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
    entries = {str(number): _entry(message, delay, try_id(message)) for number, message in enumerate(batch)}
    if len(batch) == 1:
        _call("SendMessage", address, **entries["0"])
        return
    refused: dict[str, dict[str, Any]] = {}
    for attempt in range(1, aws.TRIES + 1):
        response = _call("SendMessageBatch", address, Entries=[{"Id": key} | entry for key, entry in entries.items()])
        failed = {one["Id"]: one for one in response.get("Failed", ())}
        refused |= {key: one for key, one in failed.items() if one.get("SenderFault") or attempt == aws.TRIES}
        entries = {key: entry for key, entry in entries.items() if key in failed and key not in refused}
        if not entries:
            break
        aws.pause(attempt)
    if refused:
        why = "; ".join(sorted({f"{one.get('Code')}: {one.get('Message')}" for one in refused.values()}))
        raise SendError([batch[int(key)] for key in sorted(refused, key=int)], len(batch), why)


def try_id(message: Message) -> str:
    """One try of one job: the same when its sending is repeated, another for each copy that is sent later."""
    return digest(f"{message.id} {message.spent} {message.due}")


def _entry(message: Message, delay: int, deduplication: str) -> dict[str, Any]:
    order = _order(message.queue, message.group or message.job, deduplication)
    if not order and message.group:
        order = {"MessageGroupId": message.group}
    return {"MessageBody": message.to_json()} | ({"DelaySeconds": delay} if delay else {}) | order


def _order(queue: str, group: str, deduplication: str) -> dict[str, str]:
    """What a FIFO queue asks for.

    The deduplication id must be the same when a call is repeated, for SQS to drop what it has already, and another for
    each new try, because SQS drops what it has seen within five minutes, also when that is long deleted.
    Source: Amazon SQS Developer Guide, "Using the message deduplication ID in Amazon SQS".
    """
    if not queue.endswith(".fifo"):
        return {}
    return {"MessageGroupId": _group_id(group), "MessageDeduplicationId": deduplication}


def _group_id(group: str) -> str:
    """The group as SQS accepts it; a job's name may have other letters, or be longer than 128 characters."""
    return group if len(group) <= 128 and all("!" <= character <= "~" for character in group) else digest(group)


def digest(text: str) -> str:
    """64 letters and digits, which every identifier of AWS accepts, for a text of any kind."""
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()


def _schedule(message: Message, at: datetime) -> None:
    """Let the Scheduler send it, once, at a moment beyond what SQS can delay.

    The schedule is named by the try: repeated, the call changes nothing, and a later try has a schedule of its own.
    """
    options = settings.current()
    if not (options.jobs_scheduler_group and options.jobs_scheduler_role):
        raise UsageError("A delay past 15 minutes needs JOBS_SCHEDULER_GROUP and JOBS_SCHEDULER_ROLE.")
    address = url(message.queue)
    target: dict[str, Any] = {
        "Arn": arn(address),
        "RoleArn": options.jobs_scheduler_role,
        "Input": _input(message, address),
        "RetryPolicy": {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400},
    }
    if message.queue.endswith(".fifo"):
        target["Arn"] = f"arn:{_partition()}:scheduler:::aws-sdk:sqs:sendMessage"
    elif message.queue in options.jobs_dead_queues:
        target["DeadLetterConfig"] = {"Arn": arn(url(message.queue, dead=True))}
    at = moment(math.ceil(round(at.timestamp(), 3)))
    name = try_id(message)
    payload = {
        "ClientToken": name,
        "GroupName": options.jobs_scheduler_group,
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


def _input(message: Message, address: str) -> str:
    """What the Scheduler sends. It replaces `<aws.scheduler.…>` within, so that no argument may look like that.

    A message to a FIFO queue is the request to SQS itself (a universal target): the simpler target has no
    deduplication id, and works only with a queue that makes its own.
    Source: EventBridge Scheduler User Guide, "Using universal targets", and its API reference, `SqsParameters`.
    """
    body = message.to_json()
    if message.queue.endswith(".fifo"):
        request = {"QueueUrl": address} | _entry(message, 0, try_id(message))
        body = json.dumps(request, ensure_ascii=False)
    return body.replace("<aws.scheduler.", "\\u003caws.scheduler.")


def _count(address: str) -> int:
    names = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesDelayed",
        "ApproximateNumberOfMessagesNotVisible",
    ]
    attributes = _call("GetQueueAttributes", address, AttributeNames=names)["Attributes"]
    return sum(int(attributes.get(name, 0)) for name in names)


def _receive(address: str) -> list[dict[str, Any]]:
    """Receive up to ten; waiting a second asks all of SQS's servers, where not waiting may overlook messages.

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
    """Make dead letters visible to others again; what was deleted meanwhile is refused one by one, which is fine."""
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


def _letter(queue: str, received: dict[str, Any]) -> DeadLetter:
    values = {name: value.get("StringValue", "") for name, value in (received.get("MessageAttributes") or {}).items()}
    attributes = received.get("Attributes") or {}
    job, identity, reason = values.get("Job"), values.get("JobId"), values.get("Reason")
    if job is None or not reason:
        job, identity, why = _read_again(received["Body"], attributes)
        reason = reason or why
    return DeadLetter(
        id=identity or received["MessageId"],
        job=job,
        reason=reason,
        body=received["Body"],
        queue=queue,
        receipt=received["ReceiptHandle"],
        died=datetime.fromisoformat(values["Died"]) if "Died" in values else None,
        message_id=received["MessageId"],
        group=attributes.get("MessageGroupId"),
    )


def _read_again(body: str, attributes: dict[str, Any]) -> tuple[str, str | None, str]:
    """The job, its id and the reason of a letter that carries none: SQS moved it, or it had no room for one."""
    from kit.jobs import schedules

    try:
        message = schedules.read(body)
    except Unreadable as error:
        return "(unreadable)", None, f"the message cannot be read: {error}"
    if "DeadLetterQueueSourceArn" in attributes:
        return message.job, message.id, "SQS moved it: on each delivery the function died, or never started"
    return message.job, message.id, "the message has no room for the reason, which stands in the log of the jobs"


@cache
def _max_receive_count(address: str) -> int | None:
    told = _call("GetQueueAttributes", address, AttributeNames=["RedrivePolicy"])
    policy = (told.get("Attributes") or {}).get("RedrivePolicy")
    return int(json.loads(policy)["maxReceiveCount"]) if policy else None


def _call(operation: str, address: str, **payload: Any) -> dict[str, Any]:
    parts = urlsplit(address)
    return aws.call("sqs", operation, {"QueueUrl": address} | payload, endpoint=f"{parts.scheme}://{parts.netloc}")
