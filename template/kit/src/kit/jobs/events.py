"""Events on a laptop and in tests: the jobs that an event starts, by the rules of EventBridge, SNS and Lambda."""

import secrets
from typing import Any

from kit import clock
from kit.jobs import incoming, patterns, registry, streams
from kit.jobs.message import Message
from kit.jobs.queues.base import Queues
from kit.jobs.spec import PREFIX, JobError, Rule


def enqueue(event: Any, queues: Queues) -> list[Message]:
    """Enqueue the jobs that an event starts; returns their messages.

    `event` is an event of EventBridge, a notification of SNS, a record of a DynamoDB stream, or what Lambda delivers of
    the last two: `{"Records": [...]}`. What is missing of an event of EventBridge is added: `id`, `time` and the like.

    Raises `JobError` for anything else, and for an event that is too large for its job.
    """
    match event:
        case {"Records": [*records]}:
            messages = [message for record in records for message in _messages(record, queues)]
        case _:
            messages = _messages(event, queues)
    for message in messages:
        on_fargate = registry.jobs[message.job].on_fargate
        if problem := queues.check_size(message, message.to_json(), delay=0, on_fargate=on_fargate):
            raise JobError(f"{message.job}: {problem}.")
    if messages:
        queues.send(messages)
    return messages


def _messages(event: Any, queues: Queues) -> list[Message]:
    match event:
        case {"EventSource": "aws:sns", "Sns": notification}:
            return _messages(notification, queues)
        case {"Type": "Notification", "TopicArn": str(arn)}:
            notification = {"MessageId": secrets.token_hex(16), "Timestamp": clock.now().isoformat()} | event
            return [incoming.notified(source, notification) for source in incoming.topics(arn)]
        case {"eventSource": "aws:dynamodb", "eventSourceARN": str(), "eventName": str(), "dynamodb": dict()}:
            return streams.messages({"eventID": secrets.token_hex(16)} | event, queues)
        case {"source": str(), "detail-type": str(), "detail": dict()}:
            return _of_rules(_complete(event))
    raise JobError(
        "This is not an event: give one of EventBridge (with source, detail-type and detail), a notification of SNS (with "
        'Type "Notification" and TopicArn), or a record of a DynamoDB stream.'
    )


def _complete(event: dict[str, Any]) -> dict[str, Any]:
    """Add what EventBridge adds to an event.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
    """
    added = {
        "version": "0",
        "id": secrets.token_hex(16),
        "account": "123456789012",
        "time": clock.now().isoformat(timespec="seconds").replace("+00:00", "Z"),
        "region": "us-east-1",
        "resources": [],
    }
    return added | event


def _of_rules(event: dict[str, Any]) -> list[Message]:
    rules = [source for job in registry.jobs.values() for source in job.sources if isinstance(source, Rule)]
    return [
        incoming.start(
            rule.job.name,
            event["detail"] if rule.only_detail else event,
            id=event["id"],
            time=event["time"],
            once=rule.once,
        )
        for rule in rules
        if patterns.matches(_without_stage(rule.pattern), event)
    ]


def _without_stage(pattern: Any) -> Any:
    """A pattern for a laptop, where there is no stage: its names match those of any stage, and the bare name."""
    match pattern:
        case dict():
            return {name: _without_stage(value) for name, value in pattern.items()}
        case list():
            return [alternative for item in pattern for alternative in _alternatives(item)]
        case str():
            return pattern.replace(f"{PREFIX}-", "").replace(PREFIX, "")
    return pattern


def _alternatives(item: Any) -> list[Any]:
    if isinstance(item, str) and PREFIX in item:
        return [_without_stage(item), {"wildcard": item.replace("\\", "\\\\").replace("*", "\\*").replace(PREFIX, "*")}]
    return [_without_stage(item)]
