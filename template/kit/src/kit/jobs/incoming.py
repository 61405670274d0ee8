"""What is in a queue: a job's message, the tick of a schedule, or an event of AWS that starts a job.

EventBridge and SNS send events to the queue of their job, without a function in between:

EventBridge     `{"v": 1, "job": …, "id": …, "time": …, "once": …, "event": …}`, as the rule's input transformer writes it
SNS             its own JSON, whose topic says which job it starts

Streams of DynamoDB can't send to a queue: the jobs function enqueues their records (`streams`).
"""

import hashlib
import json
import os
from datetime import UTC, datetime
from typing import Any

from kit.jobs import registry, serialization, ticks
from kit.jobs.message import VERSION, Message, Unreadable, parse
from kit.jobs.spec import JobError, Rule, Topic

_NOT_OF_THE_MESSAGE = {"Type", "Signature", "SignatureVersion", "SigningCertURL", "UnsubscribeURL"}
"""What SNS adds for subscribers that are not queues."""


def read(body: str, queue: str) -> Message:
    """Read what a queue delivered; raises `Unreadable` for anything that starts no job."""
    if '"event"' not in body and '"TopicArn"' not in body:
        return ticks.read(body)
    match parse(body):
        case {"v": 1, "job": str(job), "id": str(id), "time": str(time), "event": event, "once": bool(once)}:
            return start(job, event, id=id, time=time, once=once)
        case {"Type": "Notification", "TopicArn": str(arn), "MessageId": str(), "Timestamp": str()} as notification:
            for source in topics(arn):
                if source.job.options.queue == queue:
                    return notified(source, notification)
            raise Unreadable(f"no job of the queue {queue} is declared with @on.topic for {arn}")
    return ticks.read(body)


def input_template(job: str, *, once: bool, only_detail: bool) -> dict[str, Any]:
    """The input transformer of a rule: the paths that it reads, and its template.

    Source: Amazon EventBridge User Guide, "Amazon EventBridge input transformation",
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
    """
    paths = {"id": "$.id"} | ({"event": "$.detail"} if only_detail else {})
    event = "<event>" if only_detail else "<aws.events.event.json>"
    template = (
        f'{{"v":{VERSION},"job":"{job}","id":"<id>","time":"<aws.events.event.ingestion-time>",'
        f'"once":{"true" if once else "false"},"event":{event}}}'
    )
    return {"paths": paths, "template": template}


def is_notification(body: str) -> bool:
    """Whether a readable body is a notification of SNS."""
    return '"TopicArn"' in body and "job" not in parse(body)


def undelivered(body: str, rule_arn: str) -> str:
    """What a rule would have sent for an event that EventBridge could not deliver; the body as it is without the rule.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    sources = [source for job in registry.jobs.values() for source in job.sources if isinstance(source, Rule)]
    rules = [rule for rule in sources if is_named(rule.name, rule_arn, rule_arn.rpartition("/")[2])]
    match parse(body), rules:
        case {"detail-type": _, "detail": detail, "id": id, "time": time} as event, [rule, *_]:
            sent = {"v": VERSION, "job": rule.job.name, "id": id, "time": time, "once": rule.once}
            return json.dumps(sent | {"event": detail if rule.only_detail else event})
    return body


def start(job_name: str, event: Any, *, id: str, time: str | float, once: bool, group: str | None = None) -> Message:
    """The message that starts a job with an event; `id` is the event's, `time` in ISO 8601 or seconds since 1970.

    Raises `Unreadable` if the job can't take it.
    """
    job = registry.jobs.get(job_name)
    try:
        arguments = serialization.encode(job, (event,), {}) if job else {}
        enqueued = time if isinstance(time, int | float) else _parse_time(time)
    except (JobError, ValueError, OverflowError) as error:
        raise Unreadable(f"it is not an event for {job_name}: {error}") from None
    return Message(
        job_name,
        arguments,
        id=hashlib.sha256(f"{job_name} {id}".encode()).hexdigest()[:32],  # several jobs may have one event
        enqueued=enqueued,
        queue=job.options.queue if job else "default",
        idempotency_key=id if once else None,
        group=group,
    )


def notified(source: Topic, notification: dict[str, Any]) -> Message:
    """The message that starts a job with a message of SNS."""
    event = {name: value for name, value in notification.items() if name not in _NOT_OF_THE_MESSAGE}
    return start(source.job.name, event, id=notification["MessageId"], time=notification["Timestamp"], once=source.once)


def topics(arn: str) -> list[Topic]:
    """The declarations for a topic."""
    sources = [source for job in registry.jobs.values() for source in job.sources]
    return [one for one in sources if isinstance(one, Topic) and is_named(one.topic, arn, arn.rpartition(":")[2])]


def is_named(declared: str, arn: str, name: str) -> bool:
    """Whether a resource is the one that a declaration names.

    On a laptop, where there is no stage, that of any stage is, and so is the bare name.
    """
    if declared.startswith("arn:"):
        return arn == declared
    stage = os.environ.get("APP_STAGE", "").strip()
    return name.endswith(f"-{stage}-{declared}") if stage else name == declared or name.endswith(f"-{declared}")


def _parse_time(time: str) -> float:
    moment = datetime.fromisoformat(time)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
