"""The jobs' function inside the real runtime emulator, with the real runtime client and a batch from a real queue."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx2 as httpx
from stage import Queue

import rie
import waiting
from kit.jobs.message import Message
from kit.jobs.queues import sqs
from rendering import TEMPLATE


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_batch_is_run_inside_the_lambda_runtime(queue: Callable[..., Queue], tmp_path: Path) -> None:
    default = queue(4)
    good = Message.new(job="kit.jobs.maintenance.sweep", arguments={})
    sqs.SqsQueues().send([good, Message.new(job="app.gone", arguments={}), good.retry(attempts_used=0)])
    event = default.event()
    assert event
    port, api = free_port(), free_port()
    command = [
        *(str(rie.program()), "--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
        *("--runtime-api-address", f"127.0.0.1:{api}"),
        *(sys.executable, "-m", "kit.aws_lambda.bootstrap", "kit.aws_lambda.jobs.handler"),
    ]
    log = tmp_path / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(command, cwd=TEMPLATE, env=dict(os.environ), stdout=stream, stderr=stream)
    try:
        waiting.until(lambda: listens(port), what="the runtime emulator")
        url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
        answer = httpx.post(url, json=event, timeout=30, trust_env=False).json()
        unknown = httpx.post(url, json={"rawPath": "/"}, timeout=30, trust_env=False).json()
    finally:
        process.terminate()
        process.wait()
    assert answer == {"batchItemFailures": []}, log.read_text()
    default.settle(event, answer)
    assert [letter.reason for letter in sqs.SqsQueues().dead_letters()] == ["there is no job app.gone"]
    assert sqs.SqsQueues().count()["default"] == 0
    assert '"message": "job succeeded"' in log.read_text()
    assert "UnknownEvent" in unknown["errorType"]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
