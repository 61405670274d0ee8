"""What the jobs' handler costs: `uv run python bench/jobs.py`.

Per job, over the same records: a bare loop (parse, look the function up, call it), kit's handler, and Powertools'
BatchProcessor (`uv run --with aws-lambda-powertools python bench/jobs.py`). Then the time that importing `kit.jobs`
adds to the web function, and what bare awslambdaric takes to start on the same machine.

A batch of more than one removes each finished message before the next job begins, which is a call to SQS: it is left
out of the first table (the queue's own time), and measured by itself against `--sqs URL`, if one is given.
"""

import gc
import io
import json
import os
import statistics
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from time import perf_counter
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "template"), str(ROOT / "tests" / "kit" / "jobs")]
os.environ |= {
    "DATABASE_URL": "sqlite://",
    "JOBS": "sqs",
    "JOBS_QUEUES": "default=https://sqs.eu-central-1.amazonaws.com/123456789012/jobs",
    "AWS_REGION": "eu-central-1",
}

from kit import logs, settings, wiring

wiring.JOBS = "sample_jobs"
from kit.jobs import batch, declare, job, sqs
from kit.jobs.message import Message

ROUNDS, SIZE = 400, 10


@job
def nothing(name: str, number: int) -> None:
    """Nothing, so that all that is measured is what surrounds it."""


def event() -> dict[str, Any]:
    records = []
    for number in range(SIZE):
        body = Message(job=nothing.name, arguments={"name": "bench", "number": number}).to_json()
        records.append(
            {
                "messageId": f"{number}",
                "receiptHandle": "handle",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1", "SenderId": "me"},
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:jobs",
                "awsRegion": "eu-central-1",
            }
        )
    return {"Records": records}


def bare(given: dict[str, Any]) -> None:
    for record in given["Records"]:
        read = json.loads(record["body"])
        declare.registry[read["job"]].function(**read["arguments"])


def ours(given: dict[str, Any]) -> None:
    batch.work(given, lambda: 60.0)


def powertools() -> Any:
    try:
        from aws_lambda_powertools import Logger
        from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
        from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
    except ImportError:
        return None
    processor = BatchProcessor(event_type=EventType.SQS)
    logger = Logger(service="app", stream=io.StringIO())

    def one(record: Any) -> None:
        read = json.loads(record.body)
        declare.registry[read["job"]].function(**read["arguments"])

    def logged(record: Any) -> None:
        """With what kit's handler does besides: a log line, and the same metrics."""
        begun = perf_counter()
        one(record)
        logger.info("job succeeded", extra={"job": nothing.name, "attempt": 1})
        metrics = EphemeralMetrics(namespace="app")
        metrics.add_dimension("JobName", nothing.name)
        for name in ("Started", "Succeeded"):
            metrics.add_metric(name, MetricUnit.Count, 1)
        for name in ("Duration", "QueueLatency"):
            metrics.add_metric(name, MetricUnit.Milliseconds, (perf_counter() - begun) * 1000)
        metrics.flush_metrics()

    return (
        lambda given: process_partial_response(given, one, processor, None),
        lambda given: process_partial_response(given, logged, processor, None),
    )


def measure(function: Any) -> list[float]:
    """Milliseconds for each job, a figure for each batch."""
    given = event()
    found = []
    for number in range(ROUNDS + 20):
        begun = perf_counter()
        function(given)
        if number >= 20:
            found.append((perf_counter() - begun) * 1000 / SIZE)
        if number % 50 == 0:
            gc.collect()
    return found


def import_cost(code: str, before: str) -> float:
    """Milliseconds that `code` takes in a new process after `before`, the least of seven."""
    script = f"{before}\nfrom time import perf_counter as t\nb = t()\n{code}\nprint((t() - b) * 1000)"
    environ = os.environ | {"PYTHONPATH": str(ROOT / "template")}
    runs = [
        subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, check=True) for _ in range(7)
    ]
    return min(float(run.stdout) for run in runs)


def main() -> None:
    settings.current.cache_clear()
    sqs.SqsQueues.remove = lambda *_: None  # type: ignore[method-assign] - the queue's time is not the handler's
    rows: dict[str, list[float]] = {}
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        declare.load()
        logs.configure(io.StringIO())
        rows["bare loop"] = measure(bare)
        rows["kit: log line, metrics, time limit"] = measure(ours)
        if other := powertools():
            rows["Powertools BatchProcessor"] = measure(other[0])
            rows["the same, with its Logger and Metrics"] = measure(other[1])
    base = statistics.median(rows["bare loop"])
    print(f"{'per job, ms':<38} {'median':>8} {'p95':>8} {'over bare':>10} {'jobs/s':>9}")
    for name, found in rows.items():
        median = statistics.median(found)
        p95 = statistics.quantiles(found, n=20)[-1]
        print(f"{name:<38} {median:8.4f} {p95:8.4f} {median - base:10.4f} {1000 / median:9.0f}")
    ours_took = statistics.median(list(rows.values())[1])
    for name in list(rows)[2:]:
        print(f"jobs/s, kit to {name}: {statistics.median(rows[name]) / ours_took:.2f}")
    web = "import starlette.applications, starlette.templating, mangum, kit.web, kit.forms, kit.database"
    print(f"\nimport kit.jobs after the web function's own imports: {import_cost('import kit.jobs', web):.1f} ms")
    print(f"bare awslambdaric: {import_cost('import awslambdaric.bootstrap', 'pass'):.1f} ms")


if __name__ == "__main__":
    main()
