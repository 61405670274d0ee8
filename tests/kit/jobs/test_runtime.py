"""The jobs' function inside the real runtime emulator, with the real runtime client and a batch from a real queue."""

from collections.abc import Callable
from pathlib import Path

from stage import Queue

import rie
from kit.jobs.message import Message
from kit.jobs.queues import sqs
from rendering import TEMPLATE


def test_a_batch_is_run_inside_the_lambda_runtime(queue: Callable[..., Queue], tmp_path: Path) -> None:
    default = queue(4)
    good = Message.new(job="kit.jobs.maintenance.sweep", arguments={})
    sqs.SqsQueues().send([good, Message.new(job="app.gone", arguments={}), good.retry(attempts_used=0)])
    event = default.event()
    assert event
    with rie.process(TEMPLATE, "kit.aws_lambda.jobs.handler", tmp_path / "log") as function:
        answer = function.invoke(event)
        unknown = function.invoke({"rawPath": "/"})
    assert answer == {"batchItemFailures": []}, function.logs()
    default.settle(event, answer)
    assert [letter.reason for letter in sqs.SqsQueues().dead_letters()] == ["there is no job app.gone"]
    assert sqs.SqsQueues().count()["default"] == 0
    assert '"message": "job succeeded"' in function.logs()
    assert "UnknownEvent" in unknown["errorType"]
