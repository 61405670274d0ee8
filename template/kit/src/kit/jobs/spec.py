"""What a job is: a function with options and schedules. This module knows nothing of queues."""

import inspect
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

from kit import references
from kit.jobs import backoff as backoffs
from kit.jobs.backoff import Backoff

LAMBDA_LIMIT = 15 * 60.0
"""The longest invocation of a Lambda function, in seconds."""
MAX_RUNTIME = 11 * 3600.0
"""Seconds; SQS can keep a message hidden for 12 hours after it was received, and it stays hidden while its job runs."""
TICK_TIME = "<aws.scheduler.scheduled-time>"
"""A placeholder in a schedule's input that EventBridge Scheduler replaces by the scheduled time."""

PREFIX = "<name>"
"""A placeholder in an event pattern: `<project>-<stage>`, with which the names of a stage's resources begin."""


class JobError(TypeError):
    """A job, a schedule or an event is declared or enqueued incorrectly; the message says how to fix it."""


class Options(NamedTuple):
    """How a job is run."""

    attempts: int = 13
    backoff: Backoff = backoffs.DEFAULT
    max_runtime: float = 5 * 60.0
    """Seconds."""
    queue: str = "default"
    log_arguments: bool = False


class JobSpec:
    """A function declared as a job, as enqueueing and running need it; `@job` makes it a `Job`."""

    def __init__(self, function: Callable[..., Any], options: Options) -> None:
        self.function = function
        self.options = options
        self.name = f"{function.__module__}.{function.__qualname__}"
        self.signature = inspect.signature(function)
        self.schedules: list[Schedule] = []
        self.sources: list[Rule | Topic | Stream] = []
        self.on_fargate = options.max_runtime > LAMBDA_LIMIT
        """Whether it may run longer than a Lambda function can."""
        self.types: dict[str, type] | None = None
        """The enums and dataclasses of its signature; `serialization` fills this in on first use."""
        self.findable = function.__module__ == references.JOBS
        """Whether a worker is known to find it; `discovery` checks other modules at the first enqueue."""

    def __repr__(self) -> str:
        return f"<job {self.name}>"


class Schedule(NamedTuple):
    """When a job starts by itself."""

    name: str
    job: JobSpec
    expression: str
    timezone: str
    overlap: str

    @property
    def input(self) -> dict[str, str]:
        """What EventBridge Scheduler sends to the job's queue, or to the jobs function."""
        return {"schedule": self.name, "time": TICK_TIME}


class Rule(NamedTuple):
    """Events of EventBridge that start a job."""

    name: str
    job: JobSpec
    bus: str
    """`default`, the name of a bus of the stage, or an ARN."""
    pattern: dict[str, Any]
    """In its strings, `PREFIX` stands for the project and the stage."""
    only_detail: bool
    """Whether the job gets only the `detail` of an event."""
    once: bool

    def describe(self) -> str:
        """A line about it."""
        return f"on events of the bus {self.bus}: {json.dumps(self.pattern)}"


class Topic(NamedTuple):
    """Messages of an SNS topic that start a job."""

    name: str
    job: JobSpec
    topic: str
    """The name of a topic of the stage, or an ARN."""
    once: bool

    def describe(self) -> str:
        """A line about it."""
        return f"on messages of the topic {self.topic}"


class Stream(NamedTuple):
    """Changes of a DynamoDB table that start a job."""

    job: JobSpec
    table: str
    """The name of a table of the stage, or the ARN of its stream."""
    changes: tuple[str, ...]
    once: bool

    def describe(self) -> str:
        """A line about it."""
        return f"on changes of the table {self.table}: {', '.join(self.changes)}"


def to_seconds(value: object, name: str) -> float:
    """Convert a duration to seconds; raises `JobError` for anything that is not one."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise JobError(f"{name} is a number of {value.bit_length()} bits; give seconds") from None  # type: ignore[union-attr]
    raise JobError(f"{name} is {value!r}; give seconds, or a duration such as minutes(5)")
