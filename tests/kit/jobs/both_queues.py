"""The queue of a laptop and the queue of AWS behind one face, for tests that hold one equal to the other."""

import json
import uuid
from typing import Any, Protocol

from aws_emulator import Emulator, moment
from sqlalchemy import insert

from kit.db import database, tables
from kit.db.server_clock import now
from kit.jobs.message import DeadLetter, Delivery, Message
from kit.jobs.queues import sqs
from kit.jobs.queues.database import DatabaseQueues


class Side(Protocol):
    """One of the two, with what a worker does on each."""

    queues: Any

    def receive(self, hidden: int = 30) -> Delivery | None:
        """The next message."""

    def put(self, body: str) -> None:
        """Put a body in that anyone may have written."""

    def count(self) -> int:
        """How many messages stand in the queue, or will."""


class Local:
    """The table `kit_jobs`."""

    def __init__(self, queue: str) -> None:
        self.queue, self.queues = queue, DatabaseQueues()

    def receive(self, hidden: int = 30) -> Delivery | None:
        return self.queues.receive(hidden)

    def put(self, body: str) -> None:
        row = {"id": uuid.uuid4().hex, "queue": self.queue, "job": "?", "body": body, "visible_at": now()}
        group = "g" if self.queue.endswith(".fifo") else None
        state = {"receipt": "", "receive_count": 0, "state": "waiting", "group_name": group}
        with database.engine().begin() as connection:
            connection.execute(insert(tables.jobs).values(**row | state))

    def count(self) -> int:
        return sum(self.queues.count().values())


class Aws:
    """SQS, received from as Lambda does; the queue's maxReceiveCount is out of reach, as a laptop has none."""

    def __init__(self, emulator: Emulator, queue: str) -> None:
        self.emulator, self.queue, self.queues = emulator, queue, sqs.SqsQueues()
        name, end = uuid.uuid4().hex, ".fifo" if queue.endswith(".fifo") else ""
        attributes = {"MessageRetentionPeriod": "1209600"} | ({"FifoQueue": "true"} if end else {})
        self.dead_url = self._call("CreateQueue", QueueName=f"{name}-dead{end}", Attributes=attributes)["QueueUrl"]
        dead_arn = emulator.sqs.queues[f"{name}-dead{end}"].arn
        policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1000})
        attributes["RedrivePolicy"] = policy
        self.url = self._call("CreateQueue", QueueName=f"{name}{end}", Attributes=attributes)["QueueUrl"]
        self.rules = emulator.sqs.queues[f"{name}{end}"]

    def _call(self, operation: str, **payload: Any) -> dict[str, Any]:
        with self.emulator.lock:
            return self.emulator.sqs.call(operation, payload)

    def receive(self, hidden: int = 30) -> Delivery | None:
        self.queues.count()  # lets the Scheduler send what is due
        answer = self._call(
            "ReceiveMessage", QueueUrl=self.url, VisibilityTimeout=hidden, WaitTimeSeconds=20, MaxNumberOfMessages=1
        )
        for one in answer.get("Messages", ()):
            event = {
                "messageId": one["MessageId"],
                "receiptHandle": one["ReceiptHandle"],
                "body": one["Body"],
                "attributes": one["Attributes"],
                "eventSourceARN": self.rules.arn,
            }
            return sqs.deliveries({"Records": [event]})[0]
        return None

    def put(self, body: str) -> None:
        order = {"MessageGroupId": "g", "MessageDeduplicationId": uuid.uuid4().hex} if self.rules.fifo else {}
        self._call("SendMessage", QueueUrl=self.url, MessageBody=body, **order)

    def count(self) -> int:
        return self.queues.count()[self.queue] + len(self.scheduled())

    def scheduled(self) -> list[float]:
        """When the Scheduler sends to this queue, in seconds since 1970."""
        return [
            moment(payload["ScheduleExpression"]).timestamp()
            for payload in self.emulator.schedules.values()
            if payload["Target"]["Arn"] == self.rules.arn or self.url in payload["Target"]["Input"]
        ]


def seen(delivery: Delivery | None) -> tuple[Any, ...] | None:
    """What a worker makes of a delivery, whichever queue it comes from."""
    if delivery is None:
        return None
    message = Message.from_json(delivery.body)
    return message.id, message.arguments, message.attempts_used, delivery.receive_count, delivery.queue


def letters(found: list[DeadLetter]) -> list[tuple[str, str, str, str]]:
    """What is known of dead letters, in no order: only a FIFO queue keeps one."""
    return sorted((letter.id, letter.job, letter.reason, letter.queue) for letter in found)
