"""Start a job at an event of AWS: the event is the argument of the job. See kit/docs/jobs.md.

    @on.s3("uploads", prefix="photos/")
    @job
    def make_thumbnail(upload: dict[str, Any]) -> None: ...

Names are of the stage's own resources: the bucket "uploads" of the stage prod is `<project>-prod-uploads`. Anything else
is given by its ARN.
"""

import os
import re
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from kit.jobs import registry
from kit.jobs.decorators import Job
from kit.jobs.spec import PREFIX, JobError, Rule, Stream, Topic

__all__ = ["event", "s3", "stream", "topic"]

P = ParamSpec("P")
R = TypeVar("R")

MAX_NAME = 20
"""Characters of a rule's name; EventBridge allows 64, including the names of the project (30) and the stage (12)."""
CHANGES = ("INSERT", "MODIFY", "REMOVE")
"""What happens to an item of a DynamoDB table."""

_OBJECTS = {"created": "Object Created", "deleted": "Object Deleted"}
_FIELDS = ("source", "detail_type", "detail", "account", "region", "resources")
_RESOURCE = re.compile(r"[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*")
"""Words that each begin with a letter: such names stay different as logical ids of CloudFormation."""
_ON_LAMBDA = "AWS_LAMBDA_FUNCTION_NAME"

Decorator = Callable[[Job[P, R]], Job[P, R]]


def event(*, bus: str = "default", name: str | None = None, once: bool = False, **fields: Any) -> Decorator[P, R]:
    """Start a job at events of EventBridge: those of AWS's services, and your own.

    The argument of the job is the whole event: a dict with `id`, `source`, `detail-type`, `time`, `detail` and more.

    On Lambda the pattern is not checked again, which keeps the cold start short.

    Parameters:
        bus: the name of the stage's own bus, or the ARN of one; AWS's services send to "default".
        name: up to 20 lower-case letters, digits and `_`; the function's name by default. A job's second rule needs one.
        once: whether the event's id is the job's idempotency key: the job is one transaction then, and does nothing if
            the event is delivered again.
        fields: the pattern: `source`, `detail_type`, `detail`, `account`, `region`, `resources`, each a value or a list
            as in EventBridge's patterns; `detail` is a dict. `<name>` in a value stands for `<project>-<stage>`.

    Returns:
        A decorator for a `Job`, which it returns unchanged.

    Raises:
        JobError: EventBridge would refuse the pattern, a name is invalid or taken, or the job doesn't take one argument.

    Example:
        @on.event(source="aws.ec2", detail={"state": ["stopped", "terminated"]})
        @job
        def replace(event: dict[str, Any]) -> None: ...
    """

    def pattern(job: Job[P, R]) -> dict[str, Any]:
        for field in fields:
            if field not in _FIELDS:
                raise JobError(f"{job.name}: @on.event has no field {field!r}{_near(field)}")
        given = {field.replace("_", "-"): value for field, value in fields.items()}
        return {key: value if isinstance(value, dict | list) else [value] for key, value in given.items()}

    return _rule(pattern, bus=bus, name=name, only_detail=False, once=once)


def s3(
    bucket: str, *events: str, prefix: str = "", suffix: str = "", name: str | None = None, once: bool = False
) -> Decorator[P, R]:
    """Start a job when an object of a bucket is created or deleted. The bucket must send its events to EventBridge.

    The argument of the job is the event's `detail`: a dict with `bucket` (`name`), `object` (`key`, `size`, `etag`, …),
    `reason` and more; the key is not URL-encoded.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html

    Parameters:
        bucket: the name of the stage's own bucket, or the ARN of any other.
        events: "created" (default), "deleted", or both.
        prefix, suffix: only objects whose key begins and ends so.
        name, once: as for `event`.

    Returns:
        A decorator for a `Job`, which it returns unchanged.

    Raises:
        JobError: as for `event`.

    Example:
        @on.s3("uploads", prefix="photos/", suffix=".jpg")
        @job
        def make_thumbnail(upload: dict[str, Any]) -> None: ...
    """

    def pattern(job: Job[P, R]) -> dict[str, Any]:
        unknown = [one for one in events if one not in _OBJECTS]
        if unknown:
            raise JobError(f"{job.name}: @on.s3 knows {' and '.join(_OBJECTS)}, not {unknown[0]!r}; see @on.event")
        _check_resource(
            job, "bucket", bucket, "arn:aws:s3:::my-bucket", r"arn:[^:]+:s3:::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
        )
        bucket_name = bucket.rpartition(":")[2] if bucket.startswith("arn:") else f"{PREFIX}-{bucket}"
        detail: dict[str, Any] = {"bucket": {"name": [bucket_name]}}
        if key := _key(prefix, suffix):
            detail["object"] = {"key": [key]}
        kinds = [_OBJECTS[one] for one in dict.fromkeys(events or ("created",))]
        return {"source": ["aws.s3"], "detail-type": kinds, "detail": detail}

    return _rule(pattern, bus="default", name=name, only_detail=True, once=once)


def topic(topic: str, *, name: str | None = None, once: bool = False) -> Decorator[P, R]:
    """Start a job at messages of an SNS topic.

    The argument of the job is a dict with `Message` (the text), `MessageId`, `Timestamp`, `TopicArn`, and `Subject` and
    `MessageAttributes` if there are any.
    Source: https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html

    Parameters:
        topic: the name of the stage's own topic, or the ARN of any other; a FIFO topic ends in .fifo.
        name, once: as for `event`.

    Returns:
        A decorator for a `Job`, which it returns unchanged.

    Raises:
        JobError: as for `event`; another job of the same queue has this topic; or the job is on a FIFO queue and the
            topic is not FIFO.

    Example:
        @on.topic("orders")
        @job
        def ship(order: dict[str, Any]) -> None: ...
    """

    def add(job: Job[P, R]) -> Job[P, R]:
        _check_job(job, "topic")
        example = "arn:aws:sns:eu-central-1:123456789012:orders"
        _check_resource(job, "topic", topic, example, r"arn:[^:]+:sns:[^:]+:\d{12}:[\w.-]{1,256}", end=".fifo")
        if job.options.queue.endswith(".fifo") and not topic.endswith(".fifo"):
            raise JobError(
                f"{job.name} is on the FIFO queue {job.options.queue}, to which SNS sends only messages of a FIFO topic. "
                f"Use another queue, or a topic whose name ends in .fifo instead of {topic}."
            )
        for other in _sources(Topic):
            if (other.topic, other.job.options.queue) == (topic, job.options.queue):
                raise JobError(
                    f"{job.name}: {other.job.name} on the queue {job.options.queue} has the topic {topic} already, and "
                    "SNS sends a message to a queue once. Enqueue the second job in the first, or give it another queue."
                )
        job.sources.append(Topic(_free_name(job, name), job, topic, once))
        return job

    return add


def stream(table: str, *changes: str, once: bool = False) -> Decorator[P, R]:
    """Start a job at changes of a DynamoDB table that has a stream.

    The argument of the job is the stream's record: a dict with `eventName`, and `dynamodb` with `Keys`, `NewImage` and
    `OldImage` in DynamoDB's JSON, as the stream's view type says. The images are left out of a record that is too large
    for the queue. On a FIFO queue, the changes of an item keep their order.
    Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html

    Parameters:
        table: the name of the stage's own table, or the ARN of the stream of any other.
        changes: "INSERT", "MODIFY", "REMOVE"; all by default.
        once: as for `event`.

    Returns:
        A decorator for a `Job`, which it returns unchanged.

    Raises:
        JobError: the table's name or a change is invalid, or the job doesn't take one argument.

    Example:
        @on.stream("orders", "INSERT")
        @job
        def confirm(record: dict[str, Any]) -> None: ...
    """

    def add(job: Job[P, R]) -> Job[P, R]:
        _check_job(job, "stream")
        example = "arn:aws:dynamodb:eu-central-1:123456789012:table/orders/stream/2026-01-31T00:00:00.000"
        _check_resource(job, "table", table, example, r"arn:[^:]+:dynamodb:[^:]+:\d{12}:table/[\w.-]+/stream/.+")
        if unknown := [change for change in changes if change not in CHANGES]:
            raise JobError(f"{job.name}: @on.stream knows the changes {', '.join(CHANGES)}, not {unknown[0]!r}")
        if any(source.table == table and source.job.name == job.name for source in _sources(Stream)):
            raise JobError(f"{job.name} has the stream of {table} already. Name all changes in one @on.stream.")
        job.sources.append(Stream(job, table, tuple(one for one in CHANGES if one in (changes or CHANGES)), once))
        return job

    return add


def _rule(
    pattern_of: Callable[[Job[P, R]], dict[str, Any]], *, bus: str, name: str | None, only_detail: bool, once: bool
) -> Decorator[P, R]:
    def add(job: Job[P, R]) -> Job[P, R]:
        _check_job(job, "s3" if only_detail else "event")
        if bus != "default":
            example = "arn:aws:events:eu-central-1:123456789012:event-bus/orders"
            _check_resource(job, "bus", bus, example, r"arn:[^:]+:events:[^:]+:\d{12}:event-bus/[\w./-]+")
        pattern = pattern_of(job)
        if _ON_LAMBDA not in os.environ:
            from kit.jobs import patterns  # not at a function's start

            try:
                patterns.check(pattern)
            except ValueError as error:
                raise JobError(f"{job.name}: EventBridge would refuse the pattern: {error}") from None
        job.sources.append(Rule(_free_name(job, name), job, bus, pattern, only_detail, once))
        return job

    return add


def _check_job(job: Any, kind: str) -> None:
    if not isinstance(job, Job):
        raise JobError(f"@on.{kind} goes above @job, which goes above the function")
    parameters = list(job.signature.parameters.values())
    required = [one.name for one in parameters if one.default is one.empty]
    if (
        not parameters
        or len(required) > 1
        or required[:1] not in ([], [parameters[0].name])
        or parameters[0].kind is (parameters[0].KEYWORD_ONLY)
    ):
        raise JobError(
            f"{job.name}{job.signature} is started by an event, which is its only argument. "
            "Write it as: def job(event: dict[str, Any]) -> None"
        )


def _check_resource(job: Job[P, R], kind: str, value: object, example: str, arn: str, end: str = "") -> None:
    text = value if isinstance(value, str) else ""
    if not (_RESOURCE.fullmatch(text.removesuffix(end)) and len(text) <= 40) and not re.fullmatch(arn, text):
        raise JobError(
            f"{job.name}: the {kind} is {value!r}. Name one of the stage's own by up to 40 lower-case letters, digits "
            f"and hyphens, each word with a letter first, such as uploads; or any other by its ARN, such as {example}"
        )


def _free_name(job: Job[P, R], name: str | None) -> str:
    """The name of a source, which no other has; a function's long name is shortened."""
    free = job.function.__name__.lower() if name is None else name
    if name is None and len(free) > MAX_NAME:
        from hashlib import sha256

        free = f"{free[: MAX_NAME - 7]}_{sha256(free.encode()).hexdigest()[:6]}"
    if not isinstance(free, str) or not re.fullmatch(f"[a-z0-9_]{{1,{MAX_NAME}}}", free):
        raise JobError(f'{job.name}: @on needs a name of up to {MAX_NAME} lower-case letters, digits and _: name="…"')
    for other in (*_sources(Rule), *_sources(Topic)):
        if other.name == free and (other.job.name != job.name or other in job.sources):
            raise JobError(
                f'{job.name}: {other.job.name} has an event named {free!r} already. Give one a name: name="…"'
            )
    return free


def _sources(kind: type[Any]) -> list[Any]:
    return [source for job in registry.jobs.values() for source in job.sources if isinstance(source, kind)]


def _key(prefix: str, suffix: str) -> Any:
    """The comparison for a key; two in a list would be alternatives."""
    if prefix and suffix:
        return {"wildcard": f"{_literal(prefix)}*{_literal(suffix)}"}
    return {"prefix": prefix} if prefix else {"suffix": suffix} if suffix else None


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("*", "\\*")


def _near(field: str) -> str:
    import difflib  # only for an error, and slow to import

    near = difflib.get_close_matches(field.replace("-", "_"), _FIELDS, n=1)
    return f", did you mean {near[0]!r}?" if near else f". Fields: {', '.join(_FIELDS)}."
