"""What the tests of jobs share: a database with the kit's tables, and queues on an SQS with its own rules."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aws_emulator
import boto3
import pytest
import sample_jobs
from aws_emulator import Emulator
from sqlalchemy import select

from kit import aws, references, settings
from kit.db import database, tables
from kit.jobs import registry
from kit.jobs.queues import sqs

WIRED = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "JOBS_SCHEDULER_GROUP": "app",
    "JOBS_SCHEDULER_ROLE": "arn:aws:iam::123456789012:role/app",
    "JOBS_CLUSTER": "app",
    "JOBS_TASK_DEFINITION": "app",
    "JOBS_SUBNETS": "subnet-1,subnet-2",
    "JOBS_SECURITY_GROUPS": "sg-1",
}


def use(monkeypatch: pytest.MonkeyPatch, **environ: str) -> None:
    """Set these variables, and read the settings anew."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    settings.current.cache_clear()
    database.engine.cache_clear()


def make_tables() -> None:
    for metadata in (tables.metadata, sample_jobs.metadata):
        metadata.drop_all(database.engine())
        metadata.create_all(database.engine())


def effects() -> list[str]:
    """What the jobs did, in order."""
    with database.engine().connect() as connection:
        found = sample_jobs.effects.c
        return list(connection.scalars(select(found.name).order_by(found.number)))


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A SQLite file with the tables; the sample's jobs are the app's."""
    monkeypatch.setattr(references, "JOBS", "sample_jobs")
    for known in (registry.jobs, registry.schedules):
        for name, declared in list(known.items()):
            if str(getattr(declared, "job", declared)).startswith("<job app."):
                monkeypatch.delitem(known, name)  # another test imported the wall's
    use(monkeypatch, DATABASE_URL=f"sqlite:///{tmp_path / 'test.db'}", JOBS="local")
    make_tables()
    yield
    database.engine().dispose()
    settings.current.cache_clear()
    database.engine.cache_clear()


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """AWS as the tests have it; it answers at `emulator.sqs.address`."""
    with aws_emulator.serve() as running:
        yield running
        aws.close()


@pytest.fixture(scope="session")
def server(emulator: Emulator) -> str:
    """The address of that AWS."""
    return emulator.sqs.address


class Queue:
    """A queue with its dead-letter queue, and Lambda's part: receive, call the handler, delete what succeeded."""

    def __init__(self, server: str, max_receive_count: int, fifo: bool) -> None:
        self.sqs = boto3.client("sqs", endpoint_url=server, region_name="eu-central-1")
        name = uuid.uuid4().hex
        end, fifo_attributes = (".fifo", {"FifoQueue": "true"}) if fifo else ("", {})
        self.dead_url = self.sqs.create_queue(QueueName=f"{name}-dead{end}", Attributes=fifo_attributes)["QueueUrl"]
        redrive = {"deadLetterTargetArn": sqs.arn(self.dead_url), "maxReceiveCount": max_receive_count}
        attributes = fifo_attributes | {"RedrivePolicy": json.dumps(redrive)}
        self.url = self.sqs.create_queue(QueueName=f"{name}{end}", Attributes=attributes)["QueueUrl"]

    def event(self, most: int = 10) -> dict[str, Any] | None:
        """Receive a batch, as Lambda hands it over."""
        response = self.sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=most, MessageSystemAttributeNames=["All"], WaitTimeSeconds=20
        )
        if not response.get("Messages"):
            return None
        return {
            "Records": [
                {
                    "messageId": one["MessageId"],
                    "receiptHandle": one["ReceiptHandle"],
                    "body": one["Body"],
                    "attributes": one["Attributes"],
                    "messageAttributes": {},
                    "eventSource": "aws:sqs",
                    "eventSourceARN": sqs.arn(self.url),
                    "awsRegion": "eu-central-1",
                }
                for one in response["Messages"]
            ]
        }

    def settle(self, event: dict[str, Any], answer: dict[str, Any]) -> None:
        """Delete what the function does not name as failed."""
        kept = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
        for record in event["Records"]:
            if record["messageId"] not in kept:
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=record["receiptHandle"])

    def drain(self, handler: Callable[[Any, Any], Any], context: Any = None, most: int = 10) -> int:
        """Call the handler with all there is, again and again; gives how many calls it took."""
        calls = 0
        while (event := self.event(most)) and calls < 200:
            self.settle(event, handler(event, context or Context()))
            calls += 1
        return calls

    def put(self, body: str, *, dead: bool = False) -> None:
        self.sqs.send_message(QueueUrl=self.dead_url if dead else self.url, MessageBody=body)


class Context:
    """What Lambda tells a function."""

    def __init__(self, seconds: float = 60, *, version: str = "7", alias: str = "live") -> None:
        self.function_version = version
        self.invoked_function_arn = f"arn:aws:lambda:us-east-1:123456789012:function:my-app-prod-jobs:{alias}"
        self.end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self.end - time.monotonic()) * 1000)


@pytest.fixture
def queue(db: None, server: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Queue]:
    """Make the default queue (or orders.fifo) on the server, and use it."""

    def make(max_receive_count: int = 13, *, fifo: bool = False) -> Queue:
        use(monkeypatch, **WIRED)
        made = Queue(server, max_receive_count, fifo)
        name = "orders.fifo" if fifo else "default"
        use(
            monkeypatch,
            **WIRED,
            JOBS="sqs",
            AWS_ENDPOINT_URL=server,
            JOBS_QUEUES=f"{name}={made.url}",
            JOBS_DEAD_LETTER_QUEUES=f"{name}={made.dead_url}",
        )
        sqs._max_receive_count.cache_clear()
        return made

    return make


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operations of AWS that are called."""
    seen: list[str] = []
    send = aws.send

    def spy(method: str, service: str, operation: str, *arguments: Any, **named: Any) -> dict[str, Any]:
        seen.append(operation)
        return send(method, service, operation, *arguments, **named)

    monkeypatch.setattr(aws, "send", spy)
    return seen
