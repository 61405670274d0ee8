"""Jobs with Powertools' BatchProcessor: a function for each job, found by the name in the message."""

import json
import os
import ssl
from datetime import datetime
from time import perf_counter
from typing import Any

import picture
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from sqlalchemy import BigInteger, String, Text, create_engine, make_url
from sqlalchemy.dialects.mysql import DATETIME
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

logger = Logger(service="wall")
processor = BatchProcessor(event_type=EventType.SQS)
engine = create_engine(
    make_url(os.environ["DATABASE_URL"]).set(drivername="mysql+pymysql"),
    connect_args={"ssl": ssl.create_default_context(cafile=os.environ.get("DATABASE_CA"))},
    pool_pre_ping=True,
    pool_size=1,
    max_overflow=0,
)
sessions = sessionmaker(engine)


class Base(DeclarativeBase):
    pass


class Message(Base):
    __tablename__ = "messages"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    text: Mapped[str] = mapped_column(String(280))
    posted_at: Mapped[datetime] = mapped_column(DATETIME(fsp=6))
    picture: Mapped[str | None] = mapped_column(Text)


def nothing(name: str, number: int) -> None:
    pass


def draw(message_id: int) -> None:
    with sessions.begin() as session:
        if message := session.get(Message, message_id):
            message.picture = picture.draw(message.text)


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
