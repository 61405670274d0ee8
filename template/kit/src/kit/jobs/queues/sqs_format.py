"""How a job's message looks to SQS, EventBridge Scheduler and ECS, and the sizes that they allow.

The database queue checks the same sizes, so that what can be enqueued on a laptop can be enqueued in the cloud.
"""

import hashlib
import json
from typing import Any

from kit.jobs.message import MAX_BYTES, Message

MAX_DELAY = 900
"""The longest delay of an SQS message, in seconds."""
MAX_SCHEDULED_BYTES = 256 * 1024
"""The largest message that EventBridge Scheduler sends."""
MAX_OVERRIDES = 8192
"""Characters of all container overrides of an ECS task."""
RECEIPT_ROOM = 2048
"""Characters of the overrides kept for what SQS adds to a message: above all its receipt."""
SMALL = 500
"""Characters; such a message fits everywhere, even if every character is escaped, and needs no further check."""
URL_ROOM = 200
"""Bytes kept for a queue's URL, which is not known where a job is enqueued locally."""


def check_size(message: Message, body: str, *, delay: float, on_fargate: bool) -> str | None:
    """Return what is wrong with the size of a message on its way to SQS and ECS, or None; see `Queues.check_size`."""
    if on_fargate:
        size, limit = len(json.dumps(body)), MAX_OVERRIDES - RECEIPT_ROOM
        if size > limit:
            return f"its arguments make {size:,} characters; the limit for a job on Fargate is {limit:,}"
    size = len(body.encode())
    if size > MAX_BYTES:
        return f"its arguments make {size:,} bytes; the limit for a message is {MAX_BYTES:,}"
    if needs_scheduler(message.queue, delay):
        size = len(scheduler_input(message, "x" * URL_ROOM).encode())
        if size > MAX_SCHEDULED_BYTES:
            return f"its arguments make {size:,} bytes; the limit for a delayed message is {MAX_SCHEDULED_BYTES:,}"
    return None


def needs_scheduler(queue: str, delay: float) -> bool:
    """Whether SQS can't keep the delay: 15 minutes at most, and none for single messages of a FIFO queue."""
    return delay > (0 if queue.endswith(".fifo") else MAX_DELAY)


def scheduler_input(message: Message, url: str) -> str:
    """What EventBridge Scheduler sends. It replaces `<aws.scheduler.…>`, so that must not occur in an argument.

    For a FIFO queue it is the request to SQS itself (a universal target): the simpler target has no deduplication id,
    and works only with a queue that has content-based deduplication.
    Source: EventBridge Scheduler User Guide, "Using universal targets", and its API reference, `SqsParameters`.
    """
    body = message.to_json()
    if message.queue.endswith(".fifo"):
        request = {"QueueUrl": url} | entry(message, 0, deduplication_id(message))
        body = json.dumps(request, ensure_ascii=False)
    return body.replace("<aws.scheduler.", "\\u003caws.scheduler.")


def entry(message: Message, delay: int, deduplication: str) -> dict[str, Any]:
    """The parameters of SendMessage for a message; `delay` is in seconds."""
    parameters = fifo_parameters(message.queue, message.group or message.job, deduplication)
    if not parameters and message.group:
        parameters = {"MessageGroupId": message.group}
    return {"MessageBody": message.to_json()} | ({"DelaySeconds": delay} if delay else {}) | parameters


def fifo_parameters(queue: str, group: str, deduplication: str) -> dict[str, str]:
    """What a FIFO queue requires.

    The deduplication id must be the same when a call is repeated, so that SQS drops the second, and another for each new
    attempt, because SQS drops what it has seen within five minutes, even if that was deleted since.
    Source: Amazon SQS Developer Guide, "Using the message deduplication ID in Amazon SQS".
    """
    if not queue.endswith(".fifo"):
        return {}
    return {"MessageGroupId": group_id(group), "MessageDeduplicationId": deduplication}


def deduplication_id(message: Message) -> str:
    """An id for one copy of a message: the same when its sending is repeated, another for each copy sent later."""
    return digest(f"{message.id} {message.attempts_used} {message.due}")


def group_id(group: str) -> str:
    """The group as SQS accepts it; a job's name may have other letters, or be longer than 128 characters."""
    return group if len(group) <= 128 and all("!" <= character <= "~" for character in group) else digest(group)


def digest(text: str) -> str:
    """A hash of any text, in 64 letters and digits that every identifier of AWS accepts."""
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()
