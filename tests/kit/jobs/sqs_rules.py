"""SQS by its documented rules, in memory and with a clock that tests move.

Why not moto's, which answers for the other services: it forgets a deduplication id when the message is deleted, gives a
duplicate a new id, counts characters instead of bytes and no attributes, accepts characters that SQS refuses and
receipts that are out of date, and has no clock. Where SQS may choose, this chooses what is worse for the caller.

Sources, by the names used below:
API      Amazon SQS API Reference, the page of the operation
QUOTAS   Amazon SQS Developer Guide, "Amazon SQS message quotas"
DEDUP    …, "Using the message deduplication ID in Amazon SQS": tracked for five minutes, also after a deletion
FIFO     …, "FIFO queue delivery logic in Amazon SQS", and AWS re:Post, "sqs-fifo-messages-not-returned"
HIDDEN   …, "Amazon SQS visibility timeout"
POLLING  …, "Amazon SQS short and long polling"
DEAD     …, "Using dead-letter queues in Amazon SQS"
SEEN     as LocalStack's tests recorded it of AWS (localstack/services/sqs)
"""

import hashlib
import itertools
import json
import re
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

MAX_SIZE = 1_048_576  # QUOTAS: 1 MiB, body and attributes together; for a batch, all of its messages together
MAX_HIDDEN = 43_200  # HIDDEN: 12 hours, counted from when the message was received
DEDUPLICATION = 300  # DEDUP: seconds
ALLOWED = re.compile("[\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")  # QUOTAS, message content
IDENTIFIER = re.compile(r"[!-~]{1,128}")  # QUOTAS, group id; API SendMessage, deduplication id
ENTRY = re.compile(r"[A-Za-z0-9_-]{1,80}")  # QUOTAS, batched message ID
ATTRIBUTE = re.compile(r"(?!(?i:aws\.|amazon\.|\.))[A-Za-z0-9_.-]{1,256}(?<!\.)")  # "Amazon SQS message attributes"


class SqsError(Exception):
    """SQS refuses a call."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


def invalid(value: object, name: str, reason: str) -> SqsError:
    return SqsError("InvalidParameterValue", f"Value {value} for parameter {name} is invalid. Reason: {reason}")


@dataclass(eq=False)
class Stored:
    """A message in a queue; times are seconds since 1970."""

    id: str
    body: str
    attributes: dict[str, Any]
    number: int
    sent: float
    available: float
    group: str | None = None
    deduplication: str | None = None
    receives: int = 0
    received: float = 0
    first_received: float = 0
    receipts: list[str] = field(default_factory=list)
    source: str | None = None

    def in_flight(self, now: float) -> bool:
        return self.receives > 0 and self.available > now


class Queue:
    """One queue."""

    def __init__(self, arn: str, attributes: dict[str, str], clock: Callable[[], datetime]) -> None:
        self.arn, self.clock = arn, clock
        self.attributes = {"VisibilityTimeout": "30", "MessageRetentionPeriod": "345600"} | attributes
        self.fifo = attributes.get("FifoQueue") == "true"
        self.messages: list[Stored] = []
        self.receipts: dict[str, Stored] = {}
        self.known: dict[str, tuple[float, Stored]] = {}
        self.polls = 0
        self.deliver_twice = 0
        """How many deliveries leave their message visible, as at-least-once delivery may (standard queues alone)."""
        self.dead: Queue | None = None
        self.max_receives = 0

    @property
    def now(self) -> float:
        return self.clock().timestamp()

    def send(self, entry: dict[str, Any], at: float | None = None) -> Stored:
        """API SendMessage; `at` is when it was called, if nobody has looked at the queue since."""
        now = self.now if at is None else at
        attributes = entry.get("MessageAttributes") or {}
        check_content(entry.get("MessageBody") or "", attributes)
        group, deduplication = entry.get("MessageGroupId"), entry.get("MessageDeduplicationId")
        delay = int(entry.get("DelaySeconds") or 0)
        for name, value in (("MessageGroupId", group), ("MessageDeduplicationId", deduplication)):
            if value is not None and not IDENTIFIER.fullmatch(value):
                raise invalid(value, name, f"{name} can only include alphanumeric and punctuation characters.")
        if not 0 <= delay <= 900:
            raise invalid(delay, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")
        if self.fifo:
            if delay:  # API SendMessage: only the queue as a whole has a delay
                raise invalid(
                    delay, "DelaySeconds", "The request include parameter that is not valid for this queue type."
                )
            if not group:
                raise SqsError("MissingParameter", "The request must contain the parameter MessageGroupId.")
            if not deduplication and self.attributes.get("ContentBasedDeduplication") == "true":
                deduplication = hashlib.sha256(entry["MessageBody"].encode()).hexdigest()
            if not deduplication:
                raise SqsError(
                    "InvalidParameterValue",
                    "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
                )
            since, first = self.known.get(deduplication, (0.0, None))
            if first and now - since < DEDUPLICATION:
                return first  # DEDUP: accepted and not delivered; SEEN: with the id of the first
        elif deduplication:
            raise invalid(
                deduplication,
                "MessageDeduplicationId",
                "The request include parameter that is not valid for this queue type.",
            )
        message = Stored(
            id=str(uuid.uuid4()),
            body=entry["MessageBody"],
            attributes=attributes,
            number=next(_numbers),
            sent=now,
            available=now + delay,
            group=group,
            deduplication=deduplication,
        )
        self.messages.append(message)
        if deduplication:
            self.known[deduplication] = (now, message)
        return message

    def receive(self, most: int, hidden: int | None, wait: int) -> list[tuple[Stored, str]]:
        """API ReceiveMessage; it does not really wait."""
        if not 1 <= most <= 10:
            raise invalid(most, "MaxNumberOfMessages", "Must be between 1 and 10, if provided.")
        if not 0 <= wait <= 20:
            raise invalid(wait, "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided.")
        hidden = int(self.attributes["VisibilityTimeout"]) if hidden is None else hidden
        if not 0 <= hidden <= MAX_HIDDEN:
            raise invalid(hidden, "VisibilityTimeout", "Must be between 0 and 43200, if provided.")
        self._forget_old()
        self.polls += 1
        if not wait and self.polls % 2:  # POLLING: a short poll asks some of the servers, and may overlook messages
            return []
        given: list[tuple[Stored, str]] = []
        for message in self._due():
            if len(given) == most:
                break
            if self.dead and message.receives >= self.max_receives:
                self._move_to_dead(message)
                continue
            given.append((message, self._give(message, hidden)))
        return given

    def _due(self) -> list[Stored]:
        """What may be given out, in order."""
        available = sorted(
            (one for one in self.messages if one.available <= self.now), key=lambda one: (one.available, one.number)
        )
        if not self.fifo:
            return available
        blocked = {one.group for one in self.messages if one.in_flight(self.now)}  # FIFO
        groups = {
            one.group: None for one in sorted(self.messages, key=lambda one: one.number) if one.group not in blocked
        }
        heads = {
            group: min((one for one in self.messages if one.group == group), key=lambda one: one.number)
            for group in groups
        }
        order = sorted(groups, key=lambda group: (heads[group].available, heads[group].number))
        # FIFO: as many of the same group as possible, each group in the order in which it was sent
        return [one for group in order for one in sorted(available, key=lambda one: one.number) if one.group == group]

    def _give(self, message: Stored, hidden: int) -> str:
        receipt = secrets.token_urlsafe(90)  # API ReceiveMessage: another each time
        message.receives += 1
        message.received = self.now
        message.first_received = message.first_received or self.now
        message.receipts.append(receipt)
        self.receipts[receipt] = message
        if self.deliver_twice and not self.fifo:
            self.deliver_twice -= 1
        else:
            message.available = self.now + hidden
        return receipt

    def _move_to_dead(self, message: Stored) -> None:
        """DEAD: it keeps its id, and on a standard queue the time that it was sent; a FIFO queue counts anew."""
        assert self.dead
        self.messages.remove(message)
        message.source, message.receives, message.available = self.arn, 0, self.now
        if self.dead.fifo:
            message.sent, message.number = self.now, next(_numbers)
        self.dead.messages.append(message)

    def _forget_old(self) -> None:
        """QUOTAS, message retention."""
        retention = int(self.attributes["MessageRetentionPeriod"])
        self.messages = [one for one in self.messages if self.now - one.sent <= retention]

    def _of(self, receipt: str) -> Stored:
        if receipt not in self.receipts:
            raise SqsError(
                "ReceiptHandleIsInvalid", f'The input receipt handle "{receipt}" is not a valid receipt handle.'
            )
        return self.receipts[receipt]

    def delete(self, receipt: str) -> None:
        """API DeleteMessage."""
        message = self._of(receipt)
        if message not in self.messages:
            return
        if self.fifo and not (message.in_flight(self.now) and receipt == message.receipts[-1]):
            raise invalid(receipt, "ReceiptHandle", "The receipt handle has expired.")  # SEEN
        if receipt != message.receipts[-1]:
            return  # API: "otherwise, the request succeeds, but the message will not be deleted"
        self.messages.remove(message)

    def hide(self, receipt: str, seconds: int) -> None:
        """API ChangeMessageVisibility."""
        message = self._of(receipt)
        if not 0 <= seconds <= MAX_HIDDEN:
            raise invalid(seconds, "VisibilityTimeout", "Must be between 0 and 43200, if provided.")
        if message not in self.messages:  # SEEN
            raise invalid(
                receipt, "ReceiptHandle", "Message does not exist or is not available for visibility timeout change."
            )
        if not message.in_flight(self.now) or receipt != message.receipts[-1]:
            raise SqsError("MessageNotInflight", "The message is not in flight.")  # API
        if self.now + seconds > message.received + MAX_HIDDEN:  # HIDDEN
            raise invalid(
                seconds,
                "VisibilityTimeout",
                "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]",
            )
        message.available = self.now + seconds

    def count(self) -> dict[str, str]:
        """API GetQueueAttributes, the numbers."""
        self._forget_old()
        waiting = [one for one in self.messages if one.available > self.now]
        delayed = [one for one in waiting if not one.receives]
        return {
            "ApproximateNumberOfMessages": str(len(self.messages) - len(waiting)),
            "ApproximateNumberOfMessagesDelayed": str(len(delayed)),
            "ApproximateNumberOfMessagesNotVisible": str(len(waiting) - len(delayed)),
        }


_numbers = itertools.count(18_870_000_000_000_000_000)


def check_content(body: str, attributes: dict[str, Any]) -> None:
    """QUOTAS: at least one character, allowed ones alone, at most ten attributes, at most 1 MiB in all."""
    if not body:
        raise SqsError("MissingParameter", "The request must contain the parameter MessageBody.")
    if size(body, attributes) > MAX_SIZE:
        raise SqsError(
            "InvalidParameterValue",
            f"One or more parameters are invalid. Reason: Message must be shorter than {MAX_SIZE} bytes.",
        )
    if not ALLOWED.fullmatch(body):
        raise SqsError("InvalidMessageContents", "Invalid characters found.")
    if len(attributes) > 10:
        raise SqsError("InvalidParameterValue", "Number of message attributes [11] exceeds the allowed maximum [10].")
    for name, attribute in attributes.items():
        value = attribute.get("StringValue")
        if not ATTRIBUTE.fullmatch(name) or attribute.get("DataType") != "String":
            raise SqsError("InvalidParameterValue", f"The message attribute '{name}' is invalid.")
        if not value or not ALLOWED.fullmatch(value):  # SEEN: never empty
            raise SqsError(
                "InvalidParameterValue",
                f"Message (user) attribute '{name}' must contain a non-empty value of type 'String'.",
            )


def size(body: str, attributes: dict[str, Any]) -> int:
    """Bytes of a message, with each attribute's name, type and value ("Amazon SQS message attributes")."""
    return len(body.encode()) + sum(
        len(name.encode()) + sum(len(str(part).encode()) for part in attribute.values())
        for name, attribute in attributes.items()
    )


class Sqs:
    """All queues of one account, called as the JSON protocol calls them."""

    def __init__(self, clock: Callable[[], datetime], address: str = "") -> None:
        self.clock, self.address = clock, address
        self.queues: dict[str, Queue] = {}

    def call(self, operation: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Do one operation; raises `SqsError`."""
        if operation == "CreateQueue":
            return self._create(payload["QueueName"], payload.get("Attributes") or {})
        queue = self.queues.get(payload["QueueUrl"].rpartition("/")[2])
        if queue is None:
            raise SqsError("QueueDoesNotExist", "The specified queue does not exist.")
        match operation:
            case "SendMessage":
                return _sent(queue.send(payload))
            case "ReceiveMessage":
                hidden = payload.get("VisibilityTimeout")
                wait = payload.get("WaitTimeSeconds") or 0
                given = queue.receive(payload.get("MaxNumberOfMessages") or 1, hidden, wait)
                return {"Messages": [_received(queue, *one) for one in given]} if given else {}
            case "DeleteMessage":
                queue.delete(payload["ReceiptHandle"])
            case "ChangeMessageVisibility":
                queue.hide(payload["ReceiptHandle"], payload["VisibilityTimeout"])
            case "SendMessageBatch":
                entries = checked_batch(payload["Entries"])
                total = sum(size(one.get("MessageBody") or "", one.get("MessageAttributes") or {}) for one in entries)
                if total > MAX_SIZE:
                    raise SqsError("BatchRequestTooLong", f"Batch requests cannot be longer than {MAX_SIZE} bytes.")
                return each(entries, lambda entry: _sent(queue.send(entry)))
            case "DeleteMessageBatch":
                return each(checked_batch(payload["Entries"]), lambda entry: queue.delete(entry["ReceiptHandle"]))
            case "ChangeMessageVisibilityBatch":
                return each(
                    checked_batch(payload["Entries"]),
                    lambda entry: queue.hide(entry["ReceiptHandle"], entry["VisibilityTimeout"]),
                )
            case "GetQueueAttributes":
                known = queue.attributes | queue.count() | {"QueueArn": queue.arn}
                names = payload.get("AttributeNames") or []
                return {"Attributes": {name: known[name] for name in known if name in names or "All" in names}}
            case _:
                raise SqsError("InvalidAction", operation)
        return {}

    def _create(self, name: str, attributes: dict[str, str]) -> dict[str, Any]:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,75}(\.fifo)?|[A-Za-z0-9_-]{1,80}", name):
            raise SqsError(
                "InvalidParameterValue", "Can only include alphanumeric characters, hyphens, or underscores."
            )
        if name.endswith(".fifo") != (attributes.get("FifoQueue") == "true"):
            raise SqsError("InvalidParameterValue", "The name of a FIFO queue must end with the .fifo suffix.")
        queue = self.queues[name] = Queue(f"arn:aws:sqs:eu-central-1:123456789012:{name}", attributes, self.clock)
        if policy := attributes.get("RedrivePolicy"):
            told = json.loads(policy)
            queue.dead = next(one for one in self.queues.values() if one.arn == told["deadLetterTargetArn"])
            queue.max_receives = int(told["maxReceiveCount"])
            if queue.dead.fifo != queue.fifo:  # DEAD: of the same type
                raise SqsError("InvalidParameterValue", "The dead-letter queue must be of the same type.")
        return {"QueueUrl": f"{self.address}/123456789012/{name}"}


def checked_batch(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """API SendMessageBatch: one to ten entries with ids of their own."""
    if not entries:
        raise SqsError("EmptyBatchRequest", "There should be at least one entry in the request.")
    if len(entries) > 10:
        raise SqsError(
            "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are 10. You have sent {len(entries)}.",
        )
    if len({entry["Id"] for entry in entries}) < len(entries):
        raise SqsError("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.")
    if not all(ENTRY.fullmatch(entry["Id"]) for entry in entries):
        raise SqsError(
            "InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, hyphens and underscores."
        )
    return entries


def each(entries: list[dict[str, Any]], act: Callable[[dict[str, Any]], dict[str, Any] | None]) -> dict[str, Any]:
    """API SendMessageBatch: an entry that fails is told of in the answer, and the others go on."""
    answer: dict[str, list[dict[str, Any]]] = {"Successful": [], "Failed": []}
    for entry in entries:
        try:
            answer["Successful"].append({"Id": entry["Id"]} | (act(entry) or {}))
        except SqsError as error:
            failed = {"Id": entry["Id"], "SenderFault": True, "Code": error.code, "Message": error.message}
            answer["Failed"].append(failed)
    return answer


def _sent(message: Stored) -> dict[str, Any]:
    answer = {"MessageId": message.id, "MD5OfMessageBody": hashlib.md5(message.body.encode()).hexdigest()}  # noqa: S324 - as SQS does
    return answer | ({"SequenceNumber": str(message.number)} if message.deduplication else {})


def _received(queue: Queue, message: Stored, receipt: str) -> dict[str, Any]:
    attributes = {
        "ApproximateReceiveCount": str(message.receives),
        "ApproximateFirstReceiveTimestamp": str(int(message.first_received * 1000)),
        "SentTimestamp": str(int(message.sent * 1000)),
        "MessageGroupId": message.group,
        "MessageDeduplicationId": message.deduplication,
        "SequenceNumber": str(message.number) if queue.fifo else None,
        "DeadLetterQueueSourceArn": message.source,
    }
    return {
        "MessageId": message.id,
        "ReceiptHandle": receipt,
        "Body": message.body,
        "MD5OfBody": hashlib.md5(message.body.encode()).hexdigest(),  # noqa: S324 - as SQS does
        "Attributes": {name: value for name, value in attributes.items() if value is not None},
        "MessageAttributes": message.attributes,
    }
