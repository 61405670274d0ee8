"""Runs inside an image: batches of ten messages through a jobs handler, and milliseconds for each batch on stdout.

    batches.py HANDLER JOB ROUNDS

What the handler writes goes to /dev/null, as a pipe to CloudWatch takes it at once.
"""

import importlib
import json
import os
import sys
import time

sys.path.insert(0, os.getcwd())
SIZE = 10


class Context:
    aws_request_id = function_name = function_version = memory_limit_in_mb = invoked_function_arn = "x"

    def get_remaining_time_in_millis(self):
        return 300_000


def batch(job):
    records = []
    for number in range(SIZE):
        arguments = {"name": "bench", "number": number} if job.endswith("nothing") else {"message_id": number + 1}
        body = {"v": 1, "job": job, "arguments": arguments, "id": f"{number:032}", "queue": "default", "enqueued": 1.0}
        records.append(
            {
                "messageId": str(number),
                "receiptHandle": "handle",
                "body": json.dumps(body),
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1", "SenderId": "me"},
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:jobs",
                "awsRegion": "eu-central-1",
            }
        )
    return {"Records": records}


def main():
    where, job, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    output = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    if job == "nothing.nothing":
        sys.path.append(os.path.dirname(__file__))
        importlib.import_module("nothing")
    module, _, name = where.rpartition(".")
    handler = getattr(importlib.import_module(module), name)
    if module.startswith("kit."):  # hiding and deleting messages are calls to SQS: the queue's time, not the handler's
        queues = importlib.import_module("kit.jobs.queues.sqs").SqsQueues
        queues.hide = queues.delete = lambda *_: None
    found = []
    event = batch(job)
    for number in range(rounds + 20):
        begun = time.perf_counter()
        answer = handler(event, Context())
        assert answer == {"batchItemFailures": []}, answer
        if number >= 20:
            found.append((time.perf_counter() - begun) * 1000)
    os.write(output, json.dumps(found).encode())


main()
