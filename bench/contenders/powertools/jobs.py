"""Jobs with Powertools' BatchProcessor: a function for each job, found by the name in the message."""

import json
from time import perf_counter
from typing import Any

import picture
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from app import connection, logger

processor = BatchProcessor(event_type=EventType.SQS)


def nothing(name: str, number: int) -> None:
    pass


def draw(message_id: int) -> None:
    database = connection()
    database.begin()
    with database.cursor() as cursor:
        cursor.execute("SELECT id, text, posted_at, picture FROM messages WHERE id = %s", (message_id,))
        if message := cursor.fetchone():
            drawn = picture.draw(message["text"])
            cursor.execute("UPDATE messages SET picture = %s WHERE id = %s", (drawn, message_id))
    database.commit()


JOBS = {"nothing": nothing, "app.jobs.draw": draw}


def run(record: SQSRecord) -> None:
    read = json.loads(record.body)
    JOBS[read["job"]](**read["arguments"])


def run_and_tell(record: SQSRecord) -> None:
    """With a log line and metrics for each job."""
    begun = perf_counter()
    read = json.loads(record.body)
    JOBS[read["job"]](**read["arguments"])
    took = (perf_counter() - begun) * 1000
    logger.info("job succeeded", extra={"job": read["job"], "job_id": read["id"], "attempt": 1, "ms": round(took, 2)})
    metrics = EphemeralMetrics(namespace="app")
    metrics.add_dimension("JobName", read["job"])
    for name in ("Started", "Succeeded"):
        metrics.add_metric(name, MetricUnit.Count, 1)
    for name in ("Duration", "QueueLatency"):
        metrics.add_metric(name, MetricUnit.Milliseconds, took)
    metrics.flush_metrics()


def quiet(event: dict[str, Any], context: Any) -> Any:
    return process_partial_response(event, run, processor, context)


def telling(event: dict[str, Any], context: Any) -> Any:
    return process_partial_response(event, run_and_tell, processor, context)
