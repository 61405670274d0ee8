"""An environment that is killed in the middle of a batch: its messages come back once their jobs must have ended."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import sample_jobs
from aws_emulator import Emulator
from both_queues import Aws
from stage import WIRED, effects, use

from kit.jobs import loading
from kit.jobs.message import Delivery
from kit.jobs.queues import sqs
from kit.jobs.runners import aws_lambda
from kit.testing import FrozenClock, frozen_clock

QUEUE_HIDES = 5400
"""Seconds for which the queues of the infrastructure hide a message."""


@pytest.fixture
def queue(db: None, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Aws:
    queue = Aws(emulator, "default")
    queues = {"JOBS_QUEUES": f"default={queue.url}", "JOBS_DEAD_LETTER_QUEUES": f"default={queue.dead_url}"}
    use(monkeypatch, **WIRED, **queues, AWS_ENDPOINT_URL=emulator.sqs.address, JOBS="sqs")
    sqs._max_receive_count.cache_clear()
    loading.load()
    return queue


@pytest.fixture
def clock() -> Iterator[FrozenClock]:
    with frozen_clock() as clock:
        yield clock


def batch(queue: Aws, size: int) -> dict[str, Any]:
    """Receive messages as Lambda does, and return its event."""
    deliveries = [queue.receive(QUEUE_HIDES) for _ in range(size)]
    return {"Records": [record(queue, each) for each in deliveries if each]}


def record(queue: Aws, delivery: Delivery) -> dict[str, Any]:
    attributes = {"ApproximateReceiveCount": str(delivery.receive_count)}
    return {
        "messageId": delivery.id,
        "receiptHandle": delivery.receipt,
        "body": delivery.body,
        "attributes": attributes,
        "eventSourceARN": queue.rules.arn,
    }


def invoke_in_a_process(event: dict[str, Any], seconds_left: float = 900) -> int:
    """Run a batch in a process of its own; return its exit code."""
    child = os.fork()
    if not child:
        aws_lambda.run(event, lambda: seconds_left)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_job_of_a_minute_is_tried_again_within_three(queue: Aws, clock: FrozenClock) -> None:
    sample_jobs.crash.enqueue("crash")
    assert invoke_in_a_process(batch(queue, 1)) == 9
    clock.move(seconds=60)
    assert queue.receive() is None, "the job may still be running"
    clock.move(seconds=60)
    delivery = queue.receive()
    assert delivery is not None
    assert delivery.receive_count == 2
    assert effects() == ["crash"]


def test_a_message_stays_hidden_while_the_jobs_before_it_may_run(queue: Aws, clock: FrozenClock) -> None:
    for number in range(3):
        sample_jobs.crash.enqueue(f"crash {number}")
    assert invoke_in_a_process(batch(queue, 3)) == 9
    back = []
    for _ in range(5):
        clock.move(seconds=60)
        back.append(sum(queue.receive(QUEUE_HIDES) is not None for _ in range(3)))
    assert back == [0, 1, 1, 1, 0]


def test_no_message_is_hidden_for_longer_than_the_invocation(queue: Aws, clock: FrozenClock) -> None:
    sample_jobs.crash.enqueue("crash")
    assert invoke_in_a_process(batch(queue, 1), seconds_left=20) == 9
    clock.move(seconds=51)
    assert queue.receive() is not None


def test_without_an_answer_from_the_queue_the_jobs_run_and_the_log_says_so(
    queue: Aws, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise OSError("unreachable")

    monkeypatch.setattr(sqs.SqsQueues, "hide", fail)
    sample_jobs.add.enqueue("done")
    assert aws_lambda.run(batch(queue, 1), lambda: 900) == {"batchItemFailures": []}
    assert effects() == ["done"]
    assert [(record.levelname, record.exc_info is None) for record in caplog.records if "hide" in record.message] == [
        ("WARNING", False)
    ]


def test_a_batch_is_hidden_in_one_call(queue: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    operations: list[str] = []
    call = sqs._call

    def record_call(operation: str, address: str, **payload: Any) -> dict[str, Any]:
        operations.append(operation)
        return call(operation, address, **payload)

    for number in range(3):
        sample_jobs.add.enqueue(f"{number}")
    event = batch(queue, 3)
    monkeypatch.setattr(sqs, "_call", record_call)
    aws_lambda.run(event, lambda: 900)
    assert operations == ["ChangeMessageVisibilityBatch", "DeleteMessage", "DeleteMessage"]
